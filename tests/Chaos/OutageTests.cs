namespace Axpo.Chaos.Tests;

/// <summary>Storage that is gone until every caller has given up several times: the run waits, goes on, and ends as if nothing had happened.</summary>
[Collection(ChaosCollection.Name)]
public sealed class OutageTests
{
    /// <summary>What a silo logs when a run tries again: after the first refusals, well past every retry of a single call.</summary>
    private const string Waits = "waits 2 s";

    [Fact]
    public async Task A_run_waits_for_a_Redis_that_is_gone_and_goes_on()
    {
        await using var cluster = await Cluster.StartAsync();
        await OutlivesAsync(cluster, cluster.Redis.Kill, cluster.Redis.BeginAsync);
    }

    [Fact]
    public async Task A_run_waits_for_a_shared_folder_that_is_read_only_and_goes_on()
    {
        await using var cluster = await Cluster.StartAsync();
        var root = cluster.Folders.Root;
        await OutlivesAsync(
            cluster,
            async () =>
            {
                var isMounted = await Shell.TryAsync("mount", "--bind", root, root);
                if (!isMounted || !await Shell.TryAsync("mount", "-o", "remount,bind,ro", root))
                {
                    _ = isMounted && await Shell.TryAsync("umount", "-l", root);
                    Assert.Skip("a folder can be made read-only by root only");
                }
            },
            // Lazily: whoever still reads through the mount (a log, a listing) keeps its handle, and every new path is writable again.
            async () => (await Shell.TryAsync("umount", "-l", root)).ShouldBeTrue("the folder could not be made writable again"));
    }

    private static async Task OutlivesAsync(Cluster cluster, Func<Task> begin, Func<Task> end)
    {
        var undisturbed = await cluster.UndisturbedAsync();
        foreach (var name in new[] { "a", "b" })
        {
            cluster.Add(name).Start();
        }

        await Task.WhenAll(cluster.Silos.Select(s => s.UpAsync()));
        using var progress = new Progress(cluster.Folders.Root);
        var run = cluster.TrainAsync("run", TestContext.Current.CancellationToken);
        await progress.ReachAsync(5, TestContext.Current.CancellationToken);
        await begin();
        try
        {
            await cluster.LoggedAsync(Waits);
        }
        finally
        {
            await end();
        }

        await run;
        new StoredRun(cluster.Folders, "run").ShouldEqual(undisturbed, TinyRun.Steps);
    }
}
