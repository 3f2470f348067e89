using System.Globalization;
using System.Text;
using Axpo.Grains.Abstractions;

namespace Axpo.Client.Running;

/// <summary>One line a metrics row, and one where an evaluation or a batch begins; for pipes and log files.</summary>
internal sealed class PlainRunView(TextWriter output) : IRunView
{
    private RunPhase? _phase;

    /// <inheritdoc/>
    public void Show(RunStatus status, IReadOnlyList<MetricsRow> rows)
    {
        foreach (var row in rows)
        {
            output.WriteLine(Line(row, status.Steps));
        }

        if (status.Phase != _phase && (status.Phase == RunPhase.Evaluating || (status.Kind == RunKind.Rollout && status.Phase == RunPhase.RollingOut)))
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Figures.Phase(status.Phase)}, step {status.Step}"));
        }

        _phase = status.Phase;
    }

    /// <summary>A row as one line.</summary>
    internal static string Line(MetricsRow row, int steps)
    {
        var line = new StringBuilder(string.Create(CultureInfo.InvariantCulture, $"step {row.Step}/{steps}"));
        if (row.Train is { } train)
        {
            Add("accuracy", train.Accuracy);
            Add("tool-use", train.ToolUse);
            Add("all-wrong", train.AllWrongToolBefore);
            Add("after", train.AllWrongToolAfter);
            Add("recovery", train.Recovery);
        }

        if (row.Update is { } update)
        {
            line.Append("  loss ").Append(Figures.Number(update.Loss, "0.0000")).Append("  kl ").Append(Figures.Number(update.Kl, "0.0000"));
            Add("entropy", update.Entropy);
        }

        if (row.Eval is { } eval)
        {
            Add("| held-out pass@1", eval.Pass1);
            Add($"pass@{eval.Samples}", eval.PassK);
        }

        if (row.EvalT1 is { } t1)
        {
            Add("tool-use@T1", t1.ToolUse);
        }

        if (row.Timing is { } timing)
        {
            line.Append(timing.TokensPerSecond > 0 ? $"  {Figures.Count(timing.TokensPerSecond)} tok/s" : "").Append(timing.Step > 0 ? $"  {Figures.Number(timing.Step, "0.0")} s" : "");
        }

        return line.ToString();

        void Add(string name, double? value) => line.Append("  ").Append(name).Append(' ').Append(Figures.Rate(value));
    }
}
