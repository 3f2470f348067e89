using System.Globalization;
using Axpo.Grains.Abstractions;
using Axpo.Silo.Runs;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Axpo.Client.Running;

/// <summary>Progress bars, rates, time left and the newest rows; for terminals.</summary>
internal sealed class LiveRunView(RunManifest manifest, LiveDisplayContext live) : IRunView
{
    private const int Newest = 12;
    private const int BarWidth = 24;
    private readonly List<MetricsRow> _rows = [];

    /// <inheritdoc/>
    public void Show(RunStatus status, IReadOnlyList<MetricsRow> rows)
    {
        foreach (var row in rows)
        {
            _rows.RemoveAll(r => r.Step >= row.Step);
            _rows.Add(row);
        }

        live.UpdateTarget(Render(manifest, status, _rows));
    }

    /// <summary>The display.</summary>
    internal static IRenderable Render(RunManifest manifest, RunStatus status, IReadOnlyList<MetricsRow> rows)
    {
        var parts = new List<IRenderable> { new Markup(Head(manifest)), new Text("") };
        parts.Add(Progress(status));
        if (rows.Any(r => r.Train is not null))
        {
            parts.Add(new Text(""));
            parts.Add(Steps(rows));
        }

        if (rows.LastOrDefault(r => r.Eval is not null || r.EvalT1 is not null) is { } evaluated)
        {
            parts.Add(new Text(""));
            parts.Add(new Markup(Evaluation(evaluated)));
        }

        return new Rows(parts);
    }

    private static string Head(RunManifest manifest)
    {
        var configuration = manifest.Configuration;
        var tasks = configuration.Tasks.Questions is { } file ? Path.GetFileName(file) : string.Join(" + ", configuration.Tasks.Suites.Keys.Order(StringComparer.Ordinal));
        var model = Path.GetFileName(Path.TrimEndingDirectorySeparator(configuration.Model));
        return string.Create(CultureInfo.InvariantCulture, $"[bold]{manifest.Name.EscapeMarkup()}[/]  {configuration.Algorithm.EscapeMarkup()} on {model.EscapeMarkup()}, {tasks.EscapeMarkup()}, seed {configuration.Seed}");
    }

    private static Grid Progress(RunStatus status)
    {
        var grid = new Grid().AddColumn(new GridColumn().NoWrap()).AddColumn(new GridColumn().NoWrap()).AddColumn(new GridColumn().NoWrap());
        if (status.Steps > 0)
        {
            grid.AddRow(
                new Markup("steps"),
                new Markup(Bar(status.Step, status.Steps, "green")),
                new Markup(string.Create(CultureInfo.InvariantCulture, $"{status.Step}/{status.Steps}  [grey]{Figures.Time(status.Seconds)} gone, {Figures.Time(status.SecondsLeft)} left[/]")));
        }

        if (status.Phase == RunPhase.Updating)
        {
            grid.AddRow(new Markup(Label(status.Phase)), new Markup("[grey]the trainer takes the step[/]"), new Text(""));
        }
        else if (!status.HasEnded && status.EpisodesPlanned > 0)
        {
            var live = status.Episodes - status.Void;
            grid.AddRow(
                new Markup(Label(status.Phase)),
                new Markup(Bar(status.Episodes, status.EpisodesPlanned, "blue")),
                new Markup(string.Create(CultureInfo.InvariantCulture, $"{status.Episodes}/{status.EpisodesPlanned} episodes  [grey]{Figures.Count(status.EpisodesPerSecond)}/s, {Figures.Count(status.TokensPerSecond)} tok/s, correct {Share(status.Correct, live)}, calls {Share(status.ToolUsing, live)}, void {status.Void}[/]")));
        }
        else
        {
            // A row all the same: a display that shrinks leaves blank lines behind.
            grid.AddRow(new Markup(Label(status.Phase)), new Text(""), new Text(""));
        }

        return grid;
    }

    private static Table Steps(IReadOnlyList<MetricsRow> rows)
    {
        var table = new Table().Border(TableBorder.Rounded).BorderColor(Color.Grey);
        foreach (var name in new[] { "step", "correct", "with a call", "all wrong", "resampled", "recovery", "loss", "KL", "entropy", "tok/s", "s" })
        {
            table.AddColumn(new TableColumn($"[grey]{name}[/]").RightAligned());
        }

        foreach (var row in rows.Where(r => r.Train is not null).TakeLast(Newest))
        {
            var (train, update, timing) = (row.Train!, row.Update, row.Timing);
            table.AddRow(
                row.Step.ToString(CultureInfo.InvariantCulture),
                Figures.Rate(train.Accuracy),
                Figures.Rate(train.ToolUse),
                Figures.Rate(train.AllWrongToolBefore),
                Figures.Rate(train.AllWrongToolAfter),
                Figures.Rate(train.Recovery),
                Figures.Number(update?.Loss, "0.0000"),
                Figures.Number(update?.Kl, "0.0000"),
                Figures.Rate(update?.Entropy),
                Figures.Count(timing?.TokensPerSecond ?? 0),
                Figures.Number(timing?.Step, "0.0"));
        }

        return table;
    }

    private static string Evaluation(MetricsRow row) => string.Create(
        CultureInfo.InvariantCulture,
        $"held-out at step {row.Step}: Pass@1 [bold]{Figures.Rate(row.Eval?.Pass1)}[/], Pass@{row.Eval?.Samples ?? 0} {Figures.Rate(row.Eval?.PassK)}, tool use at T=1 [bold]{Figures.Rate(row.EvalT1?.ToolUse)}[/]");

    private static string Share(int part, int whole) => whole == 0 ? "-" : string.Create(CultureInfo.InvariantCulture, $"{100.0 * part / whole:0}%");

    /// <summary>A phase in one short word: every row shall fit a line.</summary>
    private static string Label(RunPhase phase) => phase == RunPhase.Evaluating ? "held-out" : Figures.Phase(phase);

    private static string Bar(int part, int whole, string colour)
    {
        var filled = whole == 0 ? 0 : (int)Math.Round((double)BarWidth * Math.Min(part, whole) / whole);
        return $"[{colour}]{new string('━', filled)}[/][grey]{new string('─', BarWidth - filled)}[/]";
    }
}
