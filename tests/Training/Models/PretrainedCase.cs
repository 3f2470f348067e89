using System.Text.Json;
using Xunit;

namespace Axpo.Training.Tests.Models;

/// <summary>A prompt of <c>smollm2/*.json</c> and what transformers says of it (the fixtures' README). Whatever numbers a case has are compared.</summary>
internal sealed record PretrainedCase
{
    private static readonly JsonSerializerOptions _json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public required string Name { get; init; }

    public JsonElement? Messages { get; init; }

    public string? Text { get; init; }

    public required int[] Ids { get; init; }

    public int[] Top20Ids { get; init; } = [];

    public double[] Top20Logits { get; init; } = [];

    public double? LastLogsumexp { get; init; }

    public double?[] PromptLogprobs { get; init; } = [];

    public int[] GreedyIds { get; init; } = [];

    public string? GreedyText { get; init; }

    public double[] GreedyLogprobs { get; init; } = [];

    public double[] GreedyTop2Gap { get; init; } = [];

    /// <summary>Files of the family.</summary>
    public static TheoryData<string> Files => [.. Directory.Exists(Family)
        ? Directory.EnumerateFiles(Family, "*.json").Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal).DefaultIfEmpty("(none)")
        : ["(none)"]];

    /// <summary>Prompt and greedy continuation.</summary>
    public int[] Whole => [.. Ids, .. GreedyIds];

    private static string Family => Path.Combine(Fixtures.Root, "smollm2");

    /// <summary>Cases of a file; the test is skipped where it is absent.</summary>
    public static PretrainedCase[] Of(string file)
    {
        var path = Path.Combine(Family, file);
        Assert.SkipUnless(File.Exists(path), "no smollm2/*.json in AXPO_FIXTURES");
        var cases = JsonSerializer.Deserialize<PretrainedCase[]>(File.ReadAllBytes(path), _json)!;
        Assert.NotEmpty(cases);
        return cases;
    }
}
