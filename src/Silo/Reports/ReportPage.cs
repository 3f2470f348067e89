using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Axpo.Grains.Abstractions;
using Axpo.Silo.Reports.Charts;
using Axpo.Silo.Runs;
using Axpo.Silo.Storage;

namespace Axpo.Silo.Reports;

/// <summary>The page of a run.</summary>
public static class ReportPage
{
    /// <summary>Renders the page; equal input gives equal text.</summary>
    public static string Render(ReportInput input)
    {
        ArgumentNullException.ThrowIfNull(input);
        var manifest = input.Manifest;
        var summary = RunSummary.Of(manifest, input.Rows);
        return Page.Render($"{manifest.Name} · Axpo report", Markup.Of($"""
            {Header(manifest, summary)}
            {input.Notes.Select(n => Markup.Of($"""<p class="note">{n}</p>"""))}
            {Tiles.Draw(input, summary)}
            {ChartSections.Draw(manifest, input.Rows)}
            {EvaluationTable.Draw(input.Rows)}
            {GroupTable.Draw(input)}
            {Trajectories.Draw(input.Samples, new PictureMarkup(input.Pictures))}
            {DropTable.Draw(input.Drops)}
            """));
    }

    private static Markup Header(RunManifest manifest, RunSummary summary)
    {
        var c = manifest.Configuration;
        var isTraining = manifest.Kind == RunKind.Train;
        return Markup.Of($"""
            <header>
            <p class="brand">Axpo <span>report</span></p>
            <h1>{manifest.Name}</h1>
            <p class="lead">{Lead(manifest, summary)}</p>
            <dl class="facts">
            {Fact("Kind", manifest.Kind switch { RunKind.Train => "training", RunKind.Evaluate => "evaluation", _ => "rollouts" })}
            {(isTraining ? Fact("Algorithm", c.Algorithm) : Markup.Empty)}
            {Fact("Model", Name(c.Model))}
            {Fact("Weights", manifest.ModelSha256.Length > 12 ? manifest.ModelSha256[..12] : manifest.ModelSha256)}
            {Fact("Questions", c.Tasks.Questions is { } file ? Name(file) : string.Join(", ", c.Tasks.Suites.OrderBy(s => s.Key, StringComparer.Ordinal).Select(s => c.Tasks.Suites.Count == 1 ? s.Key : string.Create(CultureInfo.InvariantCulture, $"{s.Key} × {s.Value}"))))}
            {Fact("Seed", c.Seed.ToString(CultureInfo.InvariantCulture))}
            {(isTraining ? Fact("Steps", $"{Figures.Count(summary.Steps)} of {Figures.Count(c.Steps)}") : Markup.Empty)}
            {(isTraining ? Fact("Batch", $"{c.Rollouts.Questions} questions × {c.Rollouts.GroupSize} rollouts") : Markup.Empty)}
            {Fact("Created", manifest.Created.UtcDateTime.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture))}
            {(summary.Seconds > 0 ? Fact("Time", Duration(summary.Seconds)) : Markup.Empty)}
            </dl>
            <details><summary>Configuration</summary><pre>{JsonSerializer.Serialize(WithoutPaths(JsonSerializer.SerializeToNode(c, AxpoJson.Pretty)), AxpoJson.Pretty)}</pre></details>
            </header>
            """);
    }

    private static Markup Fact(string name, string value) => Markup.Of($"<div><dt>{name}</dt><dd>{value}</dd></div>");

    private static string Lead(RunManifest manifest, RunSummary summary)
    {
        if (summary.Gain is not { } gain)
        {
            return summary.Pass1.Before is { } pass ? $"Held-out Pass@1 is {Figures.Share(pass)}."
                : manifest.Kind == RunKind.Train ? "No evaluation to compare yet." : $"{Figures.Plural(summary.Episodes, "episode")}.";
        }

        var what = gain.Low > 0 ? "rose" : gain.High < 0 ? "fell" : "did not change measurably:";
        return $"Held-out Pass@1 {what} from {Figures.Share(gain.Before)} to {Figures.Share(gain.After)} in {Figures.Plural(summary.Steps, "step")}"
            + (summary.ToolUse is { Before: { } before, After: { } after } ? $"; tool use at temperature 1 went from {Figures.Share(before)} to {Figures.Share(after)}." : ".");
    }

    private static string Duration(double seconds) => seconds < 120
        ? $"{Figures.Number(seconds)} s"
        : TimeSpan.FromSeconds(seconds) is var t && t.TotalHours < 1 ? $"{t.Minutes} min {t.Seconds} s" : string.Create(CultureInfo.InvariantCulture, $"{(int)t.TotalHours} h {t.Minutes} min");

    /// <summary>A page is for others: where a folder lies on this machine says nothing to them.</summary>
    private static string Name(string path) => Path.IsPathRooted(path) ? Path.GetFileName(Path.TrimEndingDirectorySeparator(path)) : path;

    private static JsonNode? WithoutPaths(JsonNode? node)
    {
        switch (node)
        {
            case JsonObject o:
                foreach (var key in o.Select(p => p.Key).ToArray())
                {
                    o[key] = WithoutPaths(o[key]?.DeepClone());
                }

                return o;
            case JsonArray a:
                return new JsonArray([.. a.Select(i => WithoutPaths(i?.DeepClone()))]);
            case JsonValue v when v.TryGetValue<string>(out var text):
                return JsonValue.Create(Name(text));
            default:
                return node;
        }
    }
}
