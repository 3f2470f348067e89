using Axpo.Silo.Runs;

namespace Axpo.Silo.Reports.Charts;

/// <summary>Which curves a run has.</summary>
internal static class ChartSections
{
    /// <summary>Sections with their charts; those without values are left out.</summary>
    public static Markup Draw(RunManifest manifest, IReadOnlyList<MetricsRow> rows)
    {
        MetricsRow[] training = [.. rows.Where(r => r.Step > 0)];
        return Markup.Of($"""
            {Section("learning", "Does it learn?", "Held-out questions are the same at every evaluation; training questions are new at every step.", Learning(manifest, rows, training))}
            {Section("gap", "The thinking-acting gap", "Subgroups of a question's rollouts: those that called a tool and those that did not. All wrong means no learning signal.", Gap(training))}
            {Section("update", "Update", "What the trainer did to the weights.", Update(training))}
            {Section("mismatch", "Engine against learner", "Both compute the log-probability of every trained token under the same weights; they should agree.", Mismatch(training))}
            {Section("speed", "Speed and loss of work", "Wall-clock figures differ between equal runs.", Speed(rows, training))}
            """);
    }

    private static Markup Section(string id, string title, string about, IEnumerable<Chart> charts)
    {
        Markup[] drawn = [.. charts.Where(c => c.HasValues).Select(ChartView.Draw)];
        return drawn.Length == 0 ? Markup.Empty : Markup.Of($"""
            <section id="{id}"><h2>{title}</h2><p class="about">{about}</p>
            <div class="charts">
            {drawn}</div></section>

            """);
    }

    private static IEnumerable<Chart> Learning(RunManifest manifest, IReadOnlyList<MetricsRow> rows, MetricsRow[] training)
    {
        MetricsRow[] evals = [.. rows.Where(r => r.Eval is not null)];
        if (evals.Length > 0)
        {
            yield return HeldOut(evals);
        }

        yield return Shares("Tool use", "Share of rollouts with at least one call, sampled at temperature 1.", "% of rollouts",
            Of("training", 1, Stroke.Smoothed, training, r => r.Train?.ToolUse),
            Of("held-out", 2, Stroke.Line, rows.Where(r => r.EvalT1 is not null), r => r.EvalT1!.ToolUse));
        yield return Shares("Training accuracy", $"Correct rollouts of the step's {manifest.Configuration.Rollouts.Questions} questions, by whether a tool was called.", "% of rollouts",
            Of("all", 1, Stroke.Smoothed, training, r => r.Train?.Accuracy),
            Of("with a call", 2, Stroke.Smoothed, training, r => r.Train?.AccuracyTool),
            Of("without", 3, Stroke.Smoothed, training, r => r.Train?.AccuracyNoTool));
    }

    /// <summary>
    /// Evaluations before and after ask more questions than those between, the latter's first. The lines compare like with like: they are over the questions
    /// that every evaluation asked; the whole evaluations are dots.
    /// </summary>
    private static Chart HeldOut(MetricsRow[] evals)
    {
        var common = evals.Min(r => r.Eval!.PerQuestion.Length);
        var samples = evals.Max(r => r.Eval!.Samples);
        MetricsRow[] whole = [.. evals.Where(r => r.Eval!.PerQuestion.Length > common)];
        var series = new List<Series>
        {
            Of("Pass@1", 1, Stroke.Line, evals, r => Mean(r.Eval!.PerQuestion[..common], q => q)),
            Of($"Pass@{samples}", 2, Stroke.Line, evals, r => Mean(r.Eval!.PerQuestion[..common], q => q > 0 ? 1 : 0)),
        };
        if (whole.Length > 0)
        {
            var most = whole.Max(r => r.Eval!.PerQuestion.Length);
            series.Add(Of($"Pass@1 of {most}", 1, Stroke.Dots, whole, r => r.Eval!.Pass1));
            series.Add(Of($"Pass@{samples} of {most}", 2, Stroke.Dots, whole, r => r.Eval!.PassK));
        }

        return new Chart("Held-out accuracy", $"Temperature .7, {samples} samples a question. Lines: the {Figures.Plural(common, "question")} that every evaluation asked.{(whole.Length > 0 ? " Dots: the whole evaluations before and after." : "")}", "% of questions", Figures.Share, series);
    }

    private static IEnumerable<Chart> Gap(MetricsRow[] training)
    {
        yield return Shares("All-wrong subgroups", "Share of non-empty subgroups without a correct rollout. After: a question with a recovered prefix counts as mended.", "% of subgroups",
            Of("tool, before resampling", 2, Stroke.Smoothed, training, r => r.Train?.AllWrongToolBefore),
            Of("tool, after", 1, Stroke.Smoothed, training, r => r.Train?.AllWrongToolAfter),
            Of("no tool", 3, Stroke.Smoothed, training, r => r.Train?.AllWrongNoTool));
        yield return Shares("Recovery", "Share of the resampled prefixes with at least one correct continuation.", "% of prefixes",
            Of("recovered", 3, Stroke.Smoothed, training, r => r.Train?.Recovery));
        yield return Numbers("Price of a recovery", "Tokens sampled in continuations for each question that recovered.", "tokens",
            Of("extra tokens", 4, Stroke.Smoothed, training, r => r.Train?.ExtraTokensPerRecovery));
    }

    private static IEnumerable<Chart> Update(MetricsRow[] training)
    {
        yield return Numbers("Loss", "Objective of the batch before its weights changed; near 0 by construction, its size says little.", "loss",
            Of("loss", 1, Stroke.Smoothed, training, r => r.Update?.Loss),
            Of("policy term", 2, Stroke.Smoothed, training, r => r.Update?.PolicyLoss));
        yield return Numbers("KL from the start", "Mean k3 divergence from the starting policy over the trained tokens.", "nats a token",
            Of("KL", 4, Stroke.Smoothed, training, r => r.Update?.Kl));
        yield return Numbers("Entropy", "Mean entropy over the trained tokens, and over all sampled ones.", "nats a token",
            Of("trained", 1, Stroke.Smoothed, training, r => r.Update?.Entropy),
            Of("sampled", 3, Stroke.Smoothed, training, r => r.Train?.Entropy));
        yield return Shares("Clipped", "Share of trained tokens where the clipped term is the active one.", "% of tokens",
            Of("clipped", 2, Stroke.Smoothed, training, r => r.Update?.ClipFraction));
        yield return Numbers("Gradient norm", "Global norm before clipping, mean over minibatches.", "norm",
            Of("gradient norm", 1, Stroke.Smoothed, training, r => r.Update?.GradientNorm));
        yield return Numbers("Trained tokens", "Tokens that carried loss, of the tokens that went through the learner.", "tokens a step",
            Of("loss tokens", 1, Stroke.Smoothed, training, r => r.Update?.LossTokens),
            Of("all tokens", 5, Stroke.Smoothed, training, r => r.Update?.TrainedTokens));
    }

    private static IEnumerable<Chart> Mismatch(MetricsRow[] training)
    {
        yield return Numbers("Mismatch, k3", "Mean k3 divergence between engine and learner.", "nats a token",
            Of("k3", 1, Stroke.Smoothed, training, r => r.Update?.MismatchK3));
        yield return Shares("Mismatch, share outside", "Trained tokens whose ratio of probabilities lies outside .9 to 1.1.", "% of tokens",
            Of("outside", 2, Stroke.Smoothed, training, r => r.Update?.MismatchOutside));
        yield return Numbers("Mismatch, mean", "Mean distance of a token's ratio of probabilities from 1.", "|ratio − 1|",
            Of("mean", 3, Stroke.Smoothed, training, r => r.Update?.MismatchMean));
        yield return Numbers("Mismatch, largest", "Largest distance of a token's ratio of probabilities from 1.", "|ratio − 1|",
            Of("largest", 4, Stroke.Smoothed, training, r => r.Update?.MismatchMax));
    }

    private static IEnumerable<Chart> Speed(IReadOnlyList<MetricsRow> rows, MetricsRow[] training)
    {
        yield return Numbers("Throughput", "Sampled tokens for each second of rollout and resampling.", "tokens/s",
            Of("tokens/s", 3, Stroke.Smoothed, training, r => r.Timing?.TokensPerSecond));
        yield return Numbers("Where a step's time goes", "Evaluation follows the step that it belongs to.", "seconds",
            Of("rollout", 1, Stroke.Bars, rows, r => r.Timing?.Rollout),
            Of("resampling", 2, Stroke.Bars, rows, r => r.Timing?.Resample),
            Of("update", 3, Stroke.Bars, rows, r => r.Timing?.Update),
            Of("evaluation", 5, Stroke.Bars, rows, r => r.Timing?.Evaluation));
        yield return Shares("Void", "Share of rollouts and continuations that infrastructure failed; they leave every statistic.", "% of rollouts",
            Of("void", 5, Stroke.Line, training, r => r.Train?.VoidShare));
    }

    private static Chart Shares(string title, string about, string unit, params Series[] series) => new(title, about, unit, Figures.Share, series);

    private static Chart Numbers(string title, string about, string unit, params Series[] series) => new(title, about, unit, Figures.Number, series);

    private static Series Of(string name, int colour, Stroke stroke, IEnumerable<MetricsRow> rows, Func<MetricsRow, double?> value) =>
        new(name, colour, stroke, [.. rows.Select(r => ((double)r.Step, value(r) is { } v && double.IsFinite(v) ? (double?)v : null))]);

    private static double? Mean(double[] perQuestion, Func<double, double> of)
    {
        double[] known = [.. perQuestion.Where(q => !double.IsNaN(q)).Select(of)];
        return known.Length == 0 ? null : known.Average();
    }
}
