using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace Axpo.Chaos.Tests;

/// <summary>What a run left in storage, without what may differ between equal runs: its name, times, attempts, fences.</summary>
internal sealed class StoredRun(RunFolders folders, string name)
{
    /// <summary>Rows of <c>metrics.jsonl</c> without what is marked as timing or work.</summary>
    public string[] Rows => [.. File.ReadAllLines(folders.Metrics(name)).Select(line =>
    {
        var row = JsonNode.Parse(line)!.AsObject();
        row.Remove("timing");
        row.Remove("work");
        return row.ToJsonString().Replace(name, "RUN", StringComparison.Ordinal);
    })];

    /// <summary>Steps of the rows.</summary>
    public int[] Steps => [.. File.ReadAllLines(folders.Metrics(name)).Select(r => (int)JsonNode.Parse(r)!["step"]!)];

    /// <summary>The outcome of every episode; an episode with two final outcomes stands here twice.</summary>
    public string[] Rollouts
    {
        get
        {
            var lines = Directory.GetFiles(folders.Trajectories(name), "*.jsonl").SelectMany(f => File.ReadAllLines(f).Select(l => (File: f, Line: JsonNode.Parse(l)!.AsObject()))).ToArray();
            var superseded = lines.Where(l => l.Line.ContainsKey("superseded")).Select(l => (l.File, (string)l.Line["id"]!)).ToHashSet();
            return [.. lines.Where(l => !superseded.Contains((l.File, (string)l.Line["id"]!))).Select(l =>
            {
                l.Line["id"] = "RUN" + ((string)l.Line["id"]!)[name.Length..];
                l.Line.Remove("attempts");
                return l.Line.ToJsonString();
            }).Order(StringComparer.Ordinal)];
        }
    }

    /// <summary>Attempts that were Void, as the rollouts tell: an episode that needed three had two.</summary>
    private IEnumerable<string> VoidAttempts => Directory.GetFiles(folders.Trajectories(name), "*.jsonl").SelectMany(File.ReadAllLines).Select(l => JsonNode.Parse(l)!.AsObject())
        .SelectMany(r => Enumerable.Range(1, ((int?)r["attempts"] ?? 1) - 1).Select(attempt => $"{(string)r["id"]!} {attempt}"));

    /// <summary>Attempts of which the ledger tells.</summary>
    private HashSet<string> Ledger => Directory.GetFiles(folders.Of(name), "drops*.jsonl").SelectMany(File.ReadAllLines).Select(l => JsonNode.Parse(l)!.AsObject())
        .Select(r => $"{(string)r["episode"]!} {(int)r["attempts"]!}").ToHashSet(StringComparer.Ordinal);

    /// <summary>Weights and optimizer of a step, one entry for each different content: a zombie's checkpoint must hold the same.</summary>
    public string[] Checkpoint(int step) => [.. Directory.GetDirectories(folders.Checkpoints(name), $"step-{step:D6}-fence-*")
        .Where(folder => !folder.EndsWith(".part", StringComparison.Ordinal)) // A crash left it half-written aside.
        .SelectMany(folder => Directory.GetFiles(folder, "*.safetensors"))
        .Select(f => $"{Path.GetFileName(f)} {Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(f)))}")
        .Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];

    /// <summary>Asserts that it holds what an undisturbed run does.</summary>
    public void ShouldEqual(StoredRun undisturbed, int steps)
    {
        Steps.ShouldBe(Enumerable.Range(0, steps + 1), $"{name}: steps have no gap and no repeat");
        var (got, want) = (Rollouts, undisturbed.Rollouts);
        got.Select(Id).ShouldBe(want.Select(Id), $"{name}: exactly one final outcome for every expected episode");
        Each(got, want);
        Each(Rows, undisturbed.Rows);
        Ledger.ShouldBe(Ledger.Union(VoidAttempts, StringComparer.Ordinal), ignoreOrder: true, $"{name}: a row of the ledger for every Void attempt");
        for (var step = 1; step <= steps; step++)
        {
            Checkpoint(step).ShouldBe(undisturbed.Checkpoint(step), $"{name}: weights and optimizer of step {step}");
        }
    }

    private static string Id(string rollout) => (string)JsonNode.Parse(rollout)!["id"]!;

    private void Each(string[] got, string[] want)
    {
        for (var i = 0; i < Math.Min(got.Length, want.Length); i++)
        {
            got[i].ShouldBe(want[i], name);
        }

        got.Length.ShouldBe(want.Length, name);
    }
}
