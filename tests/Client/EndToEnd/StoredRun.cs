using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Axpo.Silo.Storage;
using Shouldly;

namespace Axpo.Client.Tests.EndToEnd;

/// <summary>What a run left in its folder, without what may differ between equal runs.</summary>
internal sealed class StoredRun(RunFolders folders, string name)
{
    /// <summary>Rows of <c>metrics.jsonl</c> without timing.</summary>
    public string[] Rows => [.. File.ReadAllLines(folders.Metrics(name)).Select(line =>
    {
        var row = JsonNode.Parse(line)!.AsObject();
        row.Remove("timing");
        return row.ToJsonString();
    })];

    /// <summary>Steps of the rows.</summary>
    public int[] Steps => [.. Rows.Select(r => (int)JsonNode.Parse(r)!["step"]!)];

    /// <summary>Stored rollouts, in order of file and content: several episodes end in any order.</summary>
    public string[] Rollouts => [.. Directory.GetFiles(folders.Trajectories(name)).Order(StringComparer.Ordinal)
        .SelectMany(f => File.ReadAllLines(f).Order(StringComparer.Ordinal).Select(line => $"{Path.GetFileName(f)} {line}"))];

    /// <summary>Ids of the stored rollouts.</summary>
    public string[] Ids => [.. Directory.GetFiles(folders.Trajectories(name)).SelectMany(File.ReadAllLines).Select(line => (string)JsonNode.Parse(line)!["id"]!)];

    /// <summary>Hashes of weights and optimizer of a step, whichever fence wrote them.</summary>
    public string[] Checkpoint(int step) => [.. Directory.GetDirectories(folders.Checkpoints(name), $"step-{step:D6}-fence-*").ShouldHaveSingleItem() is var folder
        ? Directory.GetFiles(folder, "*.safetensors").Order(StringComparer.Ordinal).Select(f => $"{Path.GetFileName(f)} {Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(f)))}")
        : []];

    /// <summary>Asserts that it holds what another one does.</summary>
    public void ShouldEqual(StoredRun other, int steps)
    {
        Steps.ShouldBe(Enumerable.Range(0, steps + 1), "no gap, no repeat");
        Each(Rows, other.Rows);
        Ids.ShouldBeUnique();
        Each(Rollouts, other.Rollouts);
        Checkpoint(steps).ShouldBe(other.Checkpoint(steps));
    }

    private static void Each(string[] got, string[] want)
    {
        for (var i = 0; i < Math.Min(got.Length, want.Length); i++)
        {
            got[i].ShouldBe(want[i]);
        }

        got.Length.ShouldBe(want.Length);
    }
}
