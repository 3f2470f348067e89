using Axpo.Silo.Reports;
using Axpo.Silo.Reports.Charts;

namespace Axpo.Silo.Comparisons;

/// <summary>Which curves a comparison has: one line an algorithm, the mean over its seeds, dashed where colours begin again, with a band of one standard deviation (of many algorithms the baseline's alone) that ends where the figure does (0, and 1 for a rate).</summary>
internal static class ResultCharts
{
    /// <summary>Points of a curve over training steps: each is the mean of so many steps.</summary>
    private const int Bins = 12;

    private const int Colours = 8;

    /// <summary>With more algorithms than this only the baseline has a band: the others would cover one another.</summary>
    private const int MostBands = 5;

    private static readonly Across _tokens = new("generated tokens", "tokens", v => Figures.Number(v));
    private static readonly Across _seconds = new("seconds of training", "s", v => Figures.Number(v));

    /// <summary>All charts with something to draw, by the name of their file.</summary>
    public static IReadOnlyList<(string Name, Chart Chart)> Of(ComparedRuns runs)
    {
        var most = PassAtK.Shown.Last(k => k <= runs.Samples);
        const string Common = "Held-out questions that every evaluation asked.";
        (string, Chart)[] all =
        [
            ("pass-1-tokens", HeldOut("Pass@1, T .7", Common, "% of samples", _tokens, HeldOutSampling.Paper, HeldOutMeasure.Pass(1))),
            ("pass-1-t1-tokens", HeldOut("Pass@1, T 1", Common, "% of samples", _tokens, HeldOutSampling.T1, HeldOutMeasure.Pass(1))),
            .. most == 1 ? Array.Empty<(string, Chart)>() : [("pass-k-t1-tokens", HeldOut(HeldOutMeasure.Pass(most).Title + ", T 1", Common, "% of questions", _tokens, HeldOutSampling.T1, HeldOutMeasure.Pass(most)))],
            ("tool-use-tokens", HeldOut("Tool use, T 1", Common, "% of samples", _tokens, HeldOutSampling.T1, HeldOutMeasure.ToolUse)),
            ("pass-1-seconds", HeldOut("Pass@1, T .7, over time", Common, "% of samples", _seconds, HeldOutSampling.Paper, HeldOutMeasure.Pass(1))),
            ("all-wrong-before", Training("All wrong with a call, before resampling", "Share of the tool-using subgroups of training questions without a correct rollout.", "% of subgroups", Figures.Share, 1, s => s.AllWrongBefore)),
            ("all-wrong-after", Training("All wrong with a call, after resampling", "A question of which a prefix recovered counts as mended.", "% of subgroups", Figures.Share, 1, s => s.AllWrongAfter)),
            ("all-wrong-without-call", Training("All wrong without a call", "Share of the no-tool subgroups of training questions without a correct rollout, before resampling.", "% of subgroups", Figures.Share, 1, s => s.AllWrongNoTool)),
            ("tool-use-training", Training("Tool use in training", "Share of the rollouts with a call.", "% of rollouts", Figures.Share, 1, s => s.ToolUse)),
            ("recovery", Training("Recovery", "Share of the resampled prefixes with a correct continuation.", "% of prefixes", Figures.Share, 1, s => s.Recovery)),
            ("price", Training("Price of a recovery", "Tokens of continuations for each question of which a prefix recovered.", "tokens", Figures.Number, double.PositiveInfinity, s => s.RecoveredGroups > 0 ? s.ContinuationTokens / (double)s.RecoveredGroups : null)),
        ];
        return [.. all.Where(c => c.Item2.HasValues)];

        Chart HeldOut(string title, string about, string unit, Across across, HeldOutSampling sampling, HeldOutMeasure measure) => new(title, about, unit, Figures.Share, [.. Lines(1, own =>
        {
            var common = own.SelectMany(r => r.Evaluations(sampling)).Select(e => e.Live.Length).DefaultIfEmpty(0).Min();
            return own.Select(r => r.Evaluations(sampling).Select(e => (X: across == _tokens ? r.TokensAt(e.Step) : r.SecondsAt(e.Step), Y: measure.Mean(e, common))).ToArray());
        })])
        {
            Across = across,
        };

        Chart Training(string title, string about, string unit, Func<double?, string> format, double highest, Func<StepSummary, double?> figure) => new(title, about, unit, format, [.. Lines(highest, own =>
            own.Select(r => r.Summary.Steps.Chunk(Math.Max(1, (r.Summary.Steps.Count + Bins - 1) / Bins))
                .Select(c => (X: (double)c[^1].Step, Y: c.Select(figure).Where(v => v is not null).Select(v => v!.Value).DefaultIfEmpty(double.NaN).Average())).ToArray()))]);

        IEnumerable<Series> Lines(double highest, Func<IReadOnlyList<ComparedRun>, IEnumerable<(double X, double Y)[]>> curves) =>
            runs.All.Select((a, i) => Mean(a.Name, i, hasBand: runs.All.Count <= MostBands || a.Name == runs.Plan.Baseline, highest, [.. curves(a.Runs)]));
    }

    /// <summary>The n-th points of all seeds make one point, as far as every seed has an n-th one: runs that a budget ends need not have equal steps.</summary>
    private static Series Mean(string name, int place, bool hasBand, double highest, (double X, double Y)[][] seeds)
    {
        var length = seeds.Length == 0 ? 0 : seeds.Min(s => s.Length);
        var (points, band) = (new List<(double, double?)>(), new List<(double, double, double)>());
        for (var n = 0; n < length; n++)
        {
            var x = seeds.Average(s => s[n].X);
            double[] known = [.. seeds.Select(s => s[n].Y).Where(v => !double.IsNaN(v))];
            points.Add((x, known.Length == 0 ? null : known.Average()));
            if (hasBand && known.Length > 1)
            {
                var mean = known.Average();
                var deviation = Math.Sqrt(known.Sum(v => (v - mean) * (v - mean)) / (known.Length - 1));
                band.Add((x, Math.Max(0, mean - deviation), Math.Min(highest, mean + deviation)));
            }
        }

        return new Series(name, (place % Colours) + 1, place < Colours ? Stroke.Line : Stroke.Dashed, points) { Band = band };
    }
}
