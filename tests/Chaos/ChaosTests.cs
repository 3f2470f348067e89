using System.Diagnostics;
using System.Globalization;
using Axpo.Grains.Abstractions;

namespace Axpo.Chaos.Tests;

/// <summary>
/// Kill anything, anywhere, at any time: the runs finish with exactly the episodes they should have, each counted once, equal to an undisturbed run. <c>AXPO_CHAOS_SEED</c> and
/// <c>AXPO_CHAOS_FAULTS</c> choose another storm; docs/reliability.md shows the table of a long one.
/// </summary>
[Collection(ChaosCollection.Name)]
public sealed class ChaosTests(ITestOutputHelper output)
{
    private const string Seed = "AXPO_CHAOS_SEED";
    private const string Faults = "AXPO_CHAOS_FAULTS";
    private const string Table = "AXPO_CHAOS_TABLE";
    private const int DiskMebibytes = 256;

    /// <summary>Faults of every test run, 26 kills and 12 pauses among them; longer storms are asked for.</summary>
    private const int Usual = 120;

    [Fact]
    public async Task Whatever_is_killed_every_run_ends_as_if_nothing_had_happened()
    {
        var (seed, count) = (Number(Seed, 5), Number(Faults, Usual));
        await using var cluster = await Cluster.StartAsync(DiskMebibytes);
        Say($"{Seed}={seed} {Faults}={count}");
        if (!cluster.HasDisk)
        {
            Say("no full disks: a small disk can be mounted as root only");
        }

        var undisturbed = await cluster.UndisturbedAsync();
        foreach (var name in new[] { "a", "b", "c" })
        {
            cluster.Add(name).Start();
        }

        await Task.WhenAll(cluster.Silos.Select(s => s.UpAsync()));
        var schedule = Fault.Draw(seed, count, cluster.HasDisk);
        var storm = new Storm(cluster, schedule, Check, Say);
        var begin = Stopwatch.GetTimestamp();
        try
        {
            await storm.RunAsync();
        }
        finally
        {
            // A storm that found something shows what went well before.
            var table = $"{storm.Outcomes.Count} faults, {storm.Runs.Count} runs in {Stopwatch.GetElapsedTime(begin).TotalSeconds.ToString("F0", CultureInfo.InvariantCulture)} s{Environment.NewLine}{Environment.NewLine}{StormTable.Of(storm.Outcomes)}";
            Say(table);
            if (Environment.GetEnvironmentVariable(Table) is { Length: > 0 } path)
            {
                await File.WriteAllTextAsync(path, table, CancellationToken.None);
            }
        }

        storm.Outcomes.Count.ShouldBe(count, "every fault was done");
        storm.Outcomes.SkipLast(1).ShouldAllBe(o => o.Progress != null, "the cluster went on after every fault");
        await using var client = await ClusterClient.ConnectAsync(cluster.Redis.Address);
        foreach (var run in storm.Runs)
        {
            var trainer = await client.Grains.GetGrain<ITrainerGrain>(run).StatusAsync();
            (trainer.Step, trainer.Batch, trainer.Consumed).ShouldBe((TinyRun.Steps, $"{run}/train/{TinyRun.Steps}", TinyRun.Steps), "every batch is consumed once");
        }

        void Check(string run)
        {
            new StoredRun(cluster.Folders, run).ShouldEqual(undisturbed, TinyRun.Steps);

            // The disk is small.
            Directory.Delete(cluster.Folders.Checkpoints(run), recursive: true);
        }
    }

    private static int Number(string variable, int otherwise) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text ? int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture) : otherwise;

    private void Say(string line)
    {
        output.WriteLine(line);
        TestContext.Current.SendDiagnosticMessage(line);
    }
}
