namespace Axpo.Silo.Comparisons;

/// <summary>How resampled prefixes are told apart.</summary>
public enum PrefixKind
{
    /// <summary>Not at all.</summary>
    All,

    /// <summary>By the number of calls that the question needs.</summary>
    Horizon,

    /// <summary>By the call at which they branch, from 1.</summary>
    Call,

    /// <summary>By confidence of that call.</summary>
    Confidence,
}

/// <summary>What became of the resampled prefixes of a kind, all seeds of an algorithm together. Void continuations count in nothing.</summary>
/// <param name="Name">Name of the algorithm.</param>
/// <param name="Kind">How they are told apart.</param>
/// <param name="Of">Which of the kind.</param>
/// <param name="Prefixes">Prefixes with a continuation that has an outcome.</param>
/// <param name="Success">Share of their continuations that are correct; null where a prefix closes at its first success (<see cref="ResampleAllocation.Sequential"/>), which would count too few failures.</param>
/// <param name="Recovered">Share of the prefixes with a correct one: what the paper's indicator credits them with.</param>
/// <param name="Optimism">Mean of that credit minus the mean share of correct continuations of a prefix; null as for success.</param>
/// <param name="Distinct">Different calls at the branch for each continuation with a call there; null: none has one.</param>
/// <param name="TokensPerContinuation">Tokens sampled in a continuation.</param>
/// <param name="TokensPerRecovery">Tokens sampled for each prefix that recovered; null: none did.</param>
public sealed record PrefixFigure(
    string Name, PrefixKind Kind, string Of, int Prefixes, double? Success, double Recovered, double? Optimism, double? Distinct, double TokensPerContinuation, double? TokensPerRecovery)
{
    private static readonly double[] _bins = [0, .5, .7, .85, .95];

    /// <summary>Share of the prefixes without a correct continuation.</summary>
    public double AllWrong => Round(1 - Recovered);

    /// <summary>All figures of the algorithms whose runs resampled something. A kind of which there is one only is left out.</summary>
    internal static IReadOnlyList<PrefixFigure> All(ComparedRuns runs)
    {
        (string Name, Row[] Rows)[] algorithms = [.. runs.All.Select(a => (a.Name, a.Runs.SelectMany(r => Rows(r.Summary)).ToArray())).Where(a => a.Item2.Length > 0)];
        return
        [
            .. Of(PrefixKind.All, _ => (0, "all")),
            .. Many(Of(PrefixKind.Horizon, r => (r.Horizon, r.Horizon == 0 ? "unknown" : FormattableString.Invariant($"{r.Horizon}")))),
            .. Many(Of(PrefixKind.Call, r => r.Boundary < 0 ? (-1, "from the prompt") : r.Boundary == r.Calls ? (int.MaxValue, "the answer") : (r.Boundary, FormattableString.Invariant($"{r.Boundary + 1}")))),
            .. Many(Of(PrefixKind.Confidence, r => r.Confidence is not { } c ? (-1, "from the prompt") : Bin(Array.FindLastIndex(_bins, b => b <= c)))),
        ];

        PrefixFigure[] Of(PrefixKind kind, Func<Row, (int Order, string Text)> bin) =>
            [.. algorithms.SelectMany(a => a.Rows.GroupBy(bin).OrderBy(g => g.Key.Order).Select(g => Figure(a.Name, kind, g.Key.Text, [.. g])))];

        static PrefixFigure[] Many(PrefixFigure[] figures) => figures.Select(f => f.Of).Distinct(StringComparer.Ordinal).Count() > 1 ? figures : [];
    }

    private static (int, string) Bin(int bin) => (bin, bin == _bins.Length - 1 ? FormattableString.Invariant($"{_bins[bin]} to 1") : FormattableString.Invariant($"{_bins[bin]} to {_bins[bin + 1]}"));

    private static IEnumerable<Row> Rows(CellSummary cell) => cell.Prefixes is not { } p
        ? []
        : Enumerable.Range(0, p.Step.Length).Where(i => p.Live[i] > 0).Select(i => new Row(
            p.Horizon[i], p.Calls[i], p.Boundary[i], p.Confidence[i], p.Live[i], p.Correct[i], p.Callers[i], p.Distinct[i], p.Tokens[i], cell.Configuration.Resample.Allocation == ResampleAllocation.Sequential));

    private static PrefixFigure Figure(string name, PrefixKind kind, string of, Row[] rows)
    {
        var (live, callers, tokens, recovered) = (rows.Sum(r => r.Live), rows.Sum(r => r.Callers), rows.Sum(r => (long)r.Tokens), rows.Count(r => r.Correct > 0));
        var isWhole = !rows.Any(r => r.Stopped);
        var share = recovered / (double)rows.Length;
        return new PrefixFigure(
            name,
            kind,
            of,
            rows.Length,
            isWhole ? Round(rows.Sum(r => r.Correct) / (double)live) : null,
            Round(share),
            isWhole ? Round(share - rows.Average(r => r.Correct / (double)r.Live)) : null,
            callers == 0 ? null : Round(rows.Sum(r => r.Distinct) / (double)callers),
            Round(tokens / (double)live),
            recovered == 0 ? null : Round(tokens / (double)recovered));
    }

    private static double Round(double value) => Math.Round(value, 6);

    private sealed record Row(int Horizon, int Calls, int Boundary, double? Confidence, int Live, int Correct, int Callers, int Distinct, int Tokens, bool Stopped);
}
