using System.Globalization;
using Axpo.Silo.Reports;

namespace Axpo.Silo.Comparisons;

/// <summary>Which tables the results are shown as.</summary>
internal static class ResultTables
{
    private const string PaperSampling = "T .7, top-p .8, top-k 20";

    /// <summary>All tables; none before a run has finished.</summary>
    public static IReadOnlyList<ResultTable> Of(ComparisonResults results, ComparedRuns runs)
    {
        if (results.Matched is not { } matched)
        {
            return [];
        }

        return
        [
            Algorithms(results),
            HeldOut(results, runs, HeldOutSampling.Paper),
            HeldOut(results, runs, HeldOutSampling.T1),
            Differences(results.Gains, "Gains over the start", "End minus start of the same runs, paired by seed and question."),
            Differences(results.Differences.Where(d => d.Moment == Moment.End), "Against the baseline", $"Algorithm minus {results.Baseline}, each run at its own end."),
            .. Matched(results, Moment.Tokens, "At equal generated tokens", $"{Figures.Count(matched.Tokens)} generated tokens, continuations included"),
            .. Matched(results, Moment.Seconds, "At equal time", $"{Number(matched.Seconds, "0.0")} s of training (rollouts, resampling, updates) on the machines named above"),
            Training(results),
            .. Prefixes(results),
            .. runs.Parts.Count > 0 ? [Suites(results, runs)] : Array.Empty<ResultTable>(),
            Seeds(results, runs),
        ];
    }

    private static ResultTable Algorithms(ComparisonResults results)
    {
        var isBlaming = results.Algorithms.Any(a => a.ToolFailures > 0);
        return new ResultTable(
            "What was run",
            "Mean over seeds. Void: episodes that stayed without an outcome because tools or machines failed; they count in no rate." + (isBlaming ? " Blamed: episodes that counted as wrong although a tool had failed." : ""),
            ["name", "algorithm", "sets", "seeds", .. Heads(Cost), "void", .. Where(isBlaming, "blamed")],
            [.. results.Algorithms.Select(a => (IReadOnlyList<string>)
            [
                a.Name,
                a.Algorithm,
                a.Changes.Count == 0 ? "-" : string.Join(", ", a.Changes.Select(c => $"`{c}`")),
                a.Seeds.Count == 0 ? "none yet" : string.Join(", ", a.Seeds),
                .. Cost.Select(m => Count(TrainingOf(results, a.Name, m).Mean)),
                Figures.Count(a.VoidEpisodes),
                .. Where(isBlaming, Figures.Count(a.ToolFailures)),
            ])]);

        static string[] Where(bool isShown, string cell) => isShown ? [cell] : [];
    }

    private static IReadOnlyList<TrainingMeasure> Cost { get; } = [TrainingMeasure.Steps, TrainingMeasure.Tokens, TrainingMeasure.Continuations, TrainingMeasure.Seconds];

    private static ResultTable HeldOut(ComparisonResults results, ComparedRuns runs, HeldOutSampling sampling)
    {
        var measures = HeldOutMeasure.All(runs.Samples);
        var name = sampling == HeldOutSampling.Paper ? PaperSampling : "T 1";
        return new ResultTable(
            $"Held-out questions, {name}",
            $"Before → after training, mean over seeds ± standard deviation. {Figures.Count(runs.Samples)} samples a question; Pass@k is the unbiased estimate. All wrong with a call: share of the questions with a tool-using sample of which none is correct. Right with a call, right without: share of those samples that are correct.",
            ["name", .. measures.Select(m => m.Title)],
            [.. results.Algorithms.Select(a => (IReadOnlyList<string>)
            [
                a.Name, .. measures.Select(m => $"{Rate(HeldOutOf(results, Moment.Start, a.Name, sampling, m, null).Mean)} → {WithDeviation(HeldOutOf(results, Moment.End, a.Name, sampling, m, null))}"),
            ])]);
    }

    /// <summary>Runs where they had spent alike; nothing if none was evaluated there.</summary>
    private static IEnumerable<ResultTable> Matched(ComparisonResults results, Moment moment, string title, string spent)
    {
        HeldOutDifference[] differences = [.. results.Differences.Where(d => d.Moment == moment)];
        return differences.All(d => d.Seeds == 0) ? [] : [Differences(differences, title, $"Algorithm minus {results.Baseline}, each run at its last evaluation after a step that began within {spent}: the most that every run has spent. Runs that were not evaluated by then are left out.")];
    }

    private static ResultTable Differences(IEnumerable<HeldOutDifference> differences, string title, string about) => new(
        title,
        $"{about} An asterisk marks a corrected p-value below .05.",
        ["name", "sampling", "measure", "difference", "95% interval", "p", "p corrected", "seeds", "pairs"],
        [.. differences.Select(d => (IReadOnlyList<string>)
        [
            d.Name,
            d.Sampling == HeldOutSampling.Paper ? "T .7" : "T 1",
            d.Measure,
            Signed(d.Mean),
            d.Low is null ? "-" : $"{Signed(d.Low)} to {Signed(d.High)}",
            P(d.P),
            d.Corrected < .05 ? P(d.Corrected) + " *" : P(d.Corrected),
            Figures.Count(d.Seeds),
            Figures.Count(d.Pairs),
        ])]);

    private static IEnumerable<ResultTable> Prefixes(ComparisonResults results)
    {
        (PrefixKind Kind, string Title, string Head)[] kinds =
        [
            (PrefixKind.All, "Resampled prefixes", "which"),
            (PrefixKind.Horizon, "Resampled prefixes by the calls that a question needs", "calls needed"),
            (PrefixKind.Call, "Resampled prefixes by the call at which they branch", "call"),
            (PrefixKind.Confidence, "Resampled prefixes by confidence of that call", "confidence"),
        ];
        return from kind in kinds
               let figures = results.Prefixes.Where(f => f.Kind == kind.Kind).ToArray()
               where figures.Length > 0
               select new ResultTable(
                   kind.Title,
                   "Over all steps and seeds. Success: share of the continuations that are correct. Optimism: credit of the indicator minus the mean share of correct continuations of a prefix. Both are not shown where a prefix closes at its first success (sequential), which would count too few failures. Different calls: at the branch, for each continuation with a call there.",
                   ["name", kind.Head, "prefixes", "success", "recovered", "optimism", "all wrong", "different calls", "tokens per continuation", "tokens per recovered prefix"],
                   [.. figures.Select(f => (IReadOnlyList<string>)
                   [
                       f.Name, f.Of, Figures.Count(f.Prefixes), Rate(f.Success), Rate(f.Recovered), Rate(f.Optimism), Rate(f.AllWrong), Rate(f.Distinct), Count(f.TokensPerContinuation), Count(f.TokensPerRecovery),
                   ])]);
    }

    private static ResultTable Training(ComparisonResults results)
    {
        TrainingMeasure[] measures = [TrainingMeasure.Accuracy, TrainingMeasure.ToolUse, TrainingMeasure.AllWrongBefore, TrainingMeasure.AllWrongAfter, TrainingMeasure.Prefixes, TrainingMeasure.Recovery, TrainingMeasure.Price];
        return new ResultTable(
            "In training",
            "Rates: mean over steps, then over seeds ± standard deviation. All wrong with a call: share of the tool-using subgroups without a correct rollout, before resampling and after it. Recovered: share of the resampled prefixes with a correct continuation; its price: tokens of continuations for each question of which a prefix recovered.",
            ["name", .. Heads(measures)],
            [.. results.Algorithms.Select(a => (IReadOnlyList<string>)
            [
                a.Name, .. measures.Select(m => m.IsCount ? Count(TrainingOf(results, a.Name, m).Mean) : WithDeviation(TrainingOf(results, a.Name, m))),
            ])]);
    }

    private static ResultTable Suites(ComparisonResults results, ComparedRuns runs)
    {
        (HeldOutSampling Sampling, HeldOutMeasure Measure, string Head)[] columns =
        [
            (HeldOutSampling.Paper, HeldOutMeasure.Pass(1), "Pass@1, T .7"),
            (HeldOutSampling.T1, HeldOutMeasure.Pass(1), "Pass@1, T 1"),
            (HeldOutSampling.T1, HeldOutMeasure.ToolUse, "tool use, T 1"),
            (HeldOutSampling.T1, HeldOutMeasure.RightWithCall, "right with a call, T 1"),
            (HeldOutSampling.T1, HeldOutMeasure.RightWithoutCall, "right without, T 1"),
        ];
        return new ResultTable(
            "By suite",
            "Before → after training, mean over seeds ± standard deviation. Questions that need different numbers of calls in sequence stand apart.",
            ["name", "suite", .. columns.Select(c => c.Head)],
            [.. from a in results.Algorithms
                from part in runs.Parts
                select (IReadOnlyList<string>)
                [
                    a.Name,
                    part.ToString(),
                    .. columns.Select(c => $"{Rate(HeldOutOf(results, Moment.Start, a.Name, c.Sampling, c.Measure, part).Mean)} → {WithDeviation(HeldOutOf(results, Moment.End, a.Name, c.Sampling, c.Measure, part))}"),
                ]]);
    }

    private static ResultTable Seeds(ComparisonResults results, ComparedRuns runs)
    {
        var most = PassAtK.Shown.Last(k => k <= runs.Samples);
        (HeldOutSampling Sampling, HeldOutMeasure Measure, string Head)[] columns =
        [
            (HeldOutSampling.Paper, HeldOutMeasure.Pass(1), "Pass@1, T .7"),
            (HeldOutSampling.T1, HeldOutMeasure.Pass(1), "Pass@1, T 1"),
            (HeldOutSampling.T1, HeldOutMeasure.Pass(most), $"Pass@{most.ToString(CultureInfo.InvariantCulture)}, T 1"),
            (HeldOutSampling.T1, HeldOutMeasure.ToolUse, "tool use, T 1"),
        ];
        return new ResultTable(
            "Each seed",
            "Before → after training.",
            ["name", "seed", .. Heads(Cost), .. columns.Select(c => c.Head)],
            [.. from a in results.Algorithms
                from seed in a.Seeds
                select (IReadOnlyList<string>)
                [
                    a.Name,
                    seed.ToString(CultureInfo.InvariantCulture),
                    .. Cost.Select(m => Count(Of(TrainingOf(results, a.Name, m), seed))),
                    .. columns.Select(c => $"{Rate(Of(HeldOutOf(results, Moment.Start, a.Name, c.Sampling, c.Measure, null), seed))} → {Rate(Of(HeldOutOf(results, Moment.End, a.Name, c.Sampling, c.Measure, null), seed))}"),
                ]]);
    }

    private static string[] Heads(IEnumerable<TrainingMeasure> measures) => [.. measures.Select(m => m.Title)];

    private static OverSeeds TrainingOf(ComparisonResults results, string name, TrainingMeasure measure) => results.Training.First(t => t.Name == name && t.Measure == measure.Id).Figure;

    private static OverSeeds HeldOutOf(ComparisonResults results, Moment moment, string name, HeldOutSampling sampling, HeldOutMeasure measure, HeldOutPart? part) =>
        results.HeldOut.First(h => h.Moment == moment && h.Name == name && h.Sampling == sampling && h.Measure == measure.Id && h.Suite == part?.Suite && h.Calls == part?.Calls).Figure;

    private static double? Of(OverSeeds figure, ulong seed) => figure.Values.FirstOrDefault(v => v.Seed == seed)?.Value;

    private static string WithDeviation(OverSeeds figure) => figure.Deviation is { } deviation ? $"{Rate(figure.Mean)} ± {Rate(deviation)}" : Rate(figure.Mean);

    private static string Rate(double? value) => Number(value, "0.000");

    private static string Signed(double? value) => Number(value, "+0.000;-0.000;0.000");

    private static string Count(double? value) => Number(value, value is > 0 and < 100 && value % 1 != 0 ? "0.0" : "#,0");

    private static string P(double? value) => Number(value, value < .01 ? "0.0000" : "0.000");

    private static string Number(double? value, string format) => value is { } v ? v.ToString(format, CultureInfo.InvariantCulture) : "-";
}
