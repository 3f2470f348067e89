namespace Axpo.Silo.Comparisons;

/// <summary>Makes the results of a comparison from its summaries. Pure: equal summaries give equal results.</summary>
internal static class ComparisonMath
{
    /// <summary>Key of chance of every interval.</summary>
    private static readonly ChanceKey _key = ChanceKey.Root(1).With("comparison");

    private static readonly HeldOutSampling[] _samplings = Enum.GetValues<HeldOutSampling>();

    private static readonly string _statistics = FormattableString.Invariant($"""
        Intervals are 95% percentile intervals of a paired bootstrap over seeds and, inside each, questions ({HierarchicalBootstrap.Resamples:#,0} resamples); p-values are its two-sided ones, at least {1.0 / HierarchicalBootstrap.Resamples}. Corrected p-values: Holm's correction over all comparisons of a table.
        """);

    /// <summary>All results.</summary>
    public static ComparisonResults Of(ComparedRuns runs)
    {
        CellSummary[] summaries = [.. runs.All.SelectMany(a => a.Runs).Select(r => r.Summary)];
        var plan = runs.Plan;
        return new ComparisonResults
        {
            Name = plan.Name,
            Command = plan.Command,
            Versions = Distinct(summaries, s => s.Version),
            Commits = Distinct(summaries, s => s.Commit),
            Machines = Distinct(summaries, s => FormattableString.Invariant($"{(s.Machine.Processor.Length > 0 ? s.Machine.Processor : "unknown processor")}, {s.Machine.Cores} cores")),
            Policies = Distinct(summaries, s => $"{s.Configuration.Model} ({s.ModelSha256[..Math.Min(12, s.ModelSha256.Length)]})"),
            Asked = Distinct(summaries, s => FormattableString.Invariant($"{s.Questions.Count} questions x {s.Evaluations.Max(e => e.Samples)} samples ({ConfigurationKey.Text(s.Configuration.Evaluation.Split)} split; {string.Join(", ", s.Questions.Select(q => q.Suite).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))})")),
            Baseline = plan.Baseline,
            Statistics = _statistics,
            Matched = runs.Matched is { } matched ? matched with { Seconds = Round(matched.Seconds) } : null,
            Missing = runs.Missing,
            Algorithms = [.. runs.All.Select(a => Algorithm(plan.Cells.First(c => c.Name == a.Name), a.Runs))],
            HeldOut = [.. HeldOut(runs)],
            Gains = Gains(runs),
            Differences = Differences(runs),
            Prefixes = PrefixFigure.All(runs),
            Training = [.. runs.All.SelectMany(a => TrainingMeasure.All.Select(m => new TrainingFigure(a.Name, m.Id, Over(a.Runs.Select(r => (r.Summary.Seed, r.Summary.Steps.Count, m.Of(r)))))))],
        };
    }

    /// <summary>Six decimals are more than any figure is worth, and the same on every machine.</summary>
    private static double Round(double value) => Math.Round(value, 6);

    private static double? Known(double value) => double.IsFinite(value) ? Round(value) : null;

    private static string[] Distinct(CellSummary[] summaries, Func<CellSummary, string> figure) => [.. summaries.Select(figure).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];

    private static ComparedAlgorithm Algorithm(PlannedCell cell, IReadOnlyList<ComparedRun> runs) => new(
        cell.Name, cell.Algorithm, cell.Changes, [.. runs.Select(r => r.Summary.Seed)], runs.Sum(r => r.Summary.VoidEpisodes.Values.Sum()), runs.Sum(r => r.Summary.VoidAttempts), runs.Sum(r => r.Summary.Steps.Sum(s => s.ToolFailures)));

    private static IEnumerable<HeldOutFigure> HeldOut(ComparedRuns runs)
    {
        foreach (var moment in Enum.GetValues<Moment>())
        {
            foreach (var (name, own) in runs.All)
            {
                foreach (var sampling in _samplings)
                {
                    foreach (var measure in HeldOutMeasure.All(runs.Samples))
                    {
                        yield return Figure(null, measure);
                        if (moment is Moment.Start or Moment.End)
                        {
                            foreach (var part in runs.Parts)
                            {
                                yield return Figure(part, measure);
                            }
                        }
                    }

                    HeldOutFigure Figure(HeldOutPart? part, HeldOutMeasure measure) => new(moment, name, sampling, measure.Id, part?.Suite, part?.Calls, Over(own
                        .Select(r => (Run: r, Evaluation: r.At(moment, sampling, runs.Matched!)))
                        .Where(e => e.Evaluation is not null)
                        .Select(e => (e.Run.Summary.Seed, e.Evaluation!.Step, measure.Mean(e.Evaluation, int.MaxValue, part is null ? null : q => part.Holds(e.Run.Summary.Questions[q]))))));
                }
            }
        }
    }

    private static OverSeeds Over(IEnumerable<(ulong Seed, int Step, double Value)> values)
    {
        (ulong Seed, int Step, double Value)[] known = [.. values.Where(v => double.IsFinite(v.Value))];
        var mean = known.Length == 0 ? double.NaN : known.Average(v => v.Value);
        var deviation = known.Length < 2 ? double.NaN : Math.Sqrt(known.Sum(v => (v.Value - mean) * (v.Value - mean)) / (known.Length - 1));
        return new OverSeeds(Known(mean), Known(deviation), [.. known.Select(v => new SeedValue(v.Seed, v.Step, Round(v.Value)))]);
    }

    /// <summary>Each run's end against its own start.</summary>
    private static HeldOutDifference[] Gains(ComparedRuns runs) => Compare(
        runs,
        [.. from a in runs.All
            from sampling in _samplings
            from measure in HeldOutMeasure.Compared(sampling, runs.Samples)
            select new Comparison(Moment.End, a.Name, sampling, measure, _key.With("gain"), [.. a.Runs.Select(r => ((r, Moment.Start), (r, Moment.End)))])]);

    /// <summary>Each run against the baseline's of its seed.</summary>
    private static HeldOutDifference[] Differences(ComparedRuns runs)
    {
        var baseline = runs.All.First(a => a.Name == runs.Plan.Baseline).Runs.ToDictionary(r => r.Summary.Seed);
        return Compare(
            runs,
            [.. from moment in new[] { Moment.End, Moment.Tokens, Moment.Seconds }
                from a in runs.All
                where a.Name != runs.Plan.Baseline
                from sampling in _samplings
                from measure in HeldOutMeasure.Compared(sampling, runs.Samples)
                select new Comparison(
                    moment, a.Name, sampling, measure, _key.With((ulong)moment), [.. a.Runs.Where(r => baseline.ContainsKey(r.Summary.Seed)).Select(r => ((baseline[r.Summary.Seed], moment), (r, moment)))])]);
    }

    /// <summary>All comparisons of a moment are one family, over which their p-values are corrected.</summary>
    private static HeldOutDifference[] Compare(ComparedRuns runs, Comparison[] asked)
    {
        var found = new PairedDifference[asked.Length];
        Parallel.For(0, asked.Length, i => found[i] = Paired(asked[i], runs.Matched));
        var corrected = new double[asked.Length];
        foreach (var family in asked.Index().GroupBy(a => a.Item.Moment, a => a.Index))
        {
            int[] members = [.. family];
            foreach (var (i, p) in members.Zip(HolmCorrection.Adjust([.. members.Select(i => found[i].P)])))
            {
                corrected[i] = p;
            }
        }

        return [.. asked.Select((a, i) => new HeldOutDifference(
            a.Moment, a.Name, a.Sampling, a.Measure.Id, Known(found[i].Mean), Known(found[i].Low), Known(found[i].High), Known(found[i].P), Known(corrected[i]), found[i].Seeds, found[i].Pairs))];
    }

    /// <summary>Runs of a seed draw the same questions, and a shorter evaluation asks the first of a longer one: pairs are by position, as far as the ids agree.</summary>
    private static PairedDifference Paired(Comparison comparison, MatchedCost? matched)
    {
        var (sampling, measure) = (comparison.Sampling, comparison.Measure);
        var (before, after) = (new List<double[]>(), new List<double[]>());
        foreach (var (one, other) in comparison.Pairs)
        {
            if (one.Run.At(one.Moment, sampling, matched!) is { } was && other.Run.At(other.Moment, sampling, matched!) is { } now)
            {
                var common = Enumerable.Range(0, Math.Min(was.Live.Length, now.Live.Length))
                    .TakeWhile(q => one.Run.Summary.Questions[q].Id == other.Run.Summary.Questions[q].Id).Count();
                before.Add(measure.Each(was, common));
                after.Add(measure.Each(now, common));
            }
        }

        return HierarchicalBootstrap.Compare(before, after, comparison.Key.With((ulong)sampling).With(measure.Id));
    }

    /// <summary>What is compared: runs at moments, pair by pair.</summary>
    private sealed record Comparison(
        Moment Moment, string Name, HeldOutSampling Sampling, HeldOutMeasure Measure, ChanceKey Key, ((ComparedRun Run, Moment Moment) Before, (ComparedRun Run, Moment Moment) After)[] Pairs);
}
