namespace Axpo.Silo.Comparisons;

/// <summary>A comparison's plan with the runs that have finished. Pure.</summary>
internal sealed class ComparedRuns
{
    /// <summary>Finds the run of each cell.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="summaries">Summaries of finished cells, in the order of the plan; null where a cell has not finished.</param>
    public ComparedRuns(ComparisonPlan plan, IReadOnlyList<CellSummary?> summaries)
    {
        Plan = plan;
        var cells = plan.Cells.Zip(summaries).ToArray();
        Missing = [.. cells.Where(c => c.Second is null).Select(c => FormattableString.Invariant($"{c.First.Name}, seed {c.First.Seed}"))];
        All = [.. plan.Names.Select(name => (name, (IReadOnlyList<ComparedRun>)[.. cells.Where(c => c.First.Name == name && c.Second is not null).Select(c => new ComparedRun(c.Second!)).OrderBy(r => r.Summary.Seed)]))];
        ComparedRun[] runs = [.. All.SelectMany(a => a.Runs)];
        Matched = runs.Length == 0 ? null : new MatchedCost(runs.Min(r => r.Tokens), runs.Min(r => r.Seconds));
        Samples = runs.SelectMany(r => r.Summary.Evaluations).Select(e => e.Samples).DefaultIfEmpty(1).Min();
        Parts = [.. PartsOf(runs.SelectMany(r => r.Summary.Questions))];
    }

    public ComparisonPlan Plan { get; }

    /// <summary>Algorithms in the order of the tables, with their finished runs in order of seeds.</summary>
    public IReadOnlyList<(string Name, IReadOnlyList<ComparedRun> Runs)> All { get; }

    /// <summary>Cells that have not finished.</summary>
    public IReadOnlyList<string> Missing { get; }

    /// <summary>What every run has spent at least; null: none has finished.</summary>
    public MatchedCost? Matched { get; }

    /// <summary>Samples that every evaluation asked for, a question.</summary>
    public int Samples { get; }

    /// <summary>Parts of the held-out questions: suites, if there are several, and inside a suite whose questions need different numbers of calls each number apart.</summary>
    public IReadOnlyList<HeldOutPart> Parts { get; }

    private static IEnumerable<HeldOutPart> PartsOf(IEnumerable<HeldOutQuestion> questions)
    {
        var suites = questions.Select(q => q.Part).Distinct().GroupBy(p => p.Suite, StringComparer.Ordinal).OrderBy(s => s.Key, StringComparer.Ordinal).ToArray();
        foreach (var suite in suites)
        {
            if (suites.Length > 1)
            {
                yield return new HeldOutPart(suite.Key, null);
            }

            foreach (var part in suite.Count() > 1 ? suite.OrderBy(p => p.Calls).ToArray() : [])
            {
                yield return part;
            }
        }
    }
}
