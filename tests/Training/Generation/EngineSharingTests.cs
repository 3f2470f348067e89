using Axpo.Core;
using Axpo.Training.Generation;
using Shouldly;
using Xunit;
using static Axpo.Training.Tests.Generation.EngineFixture;

namespace Axpo.Training.Tests.Generation;

/// <summary>Prefixes shared by forks of forks outlive their sources; evicted sessions come back unseen.</summary>
public class EngineSharingTests(EngineFixture fixture) : IClassFixture<EngineFixture>
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task Forks_of_forks_outlive_a_source_that_is_released_or_evicted(bool deterministic, bool evict)
    {
        await using var engine = await fixture.StartAsync(new EngineOptions { Deterministic = deterministic, Workers = 2, KvMebibytes = 64 });
        var prompt = Prompt(21);
        var root = await engine.GenerateAsync(Request("root", prompt, max: 30), None);
        int[] all = [.. prompt, .. root.Tokens];
        var child = await engine.GenerateAsync(Request("child", [], offset: 40, max: 20, key: 1, forkOf: "root"), None);
        int[] childTokens = [.. all[..40], .. child.Tokens];

        // Forks of the fork, at a boundary before its own tokens, within them, at a page's end; live when the source goes.
        int[] boundaries = [33, 48, 55];
        using var posted = new ManualResetEventSlim();
        var gone = false;
        engine.Loop.BeforeStep = _ =>
        {
            posted.Wait();
            if (!gone && engine.Status.LiveSequences == 3)
            {
                gone = true;
                if (evict)
                {
                    engine.Loop.EvictIdle();
                }
                else
                {
                    engine.Release("root");
                    engine.Release("child");
                }
            }
        };
        var forks = boundaries.Select((b, i) => engine.GenerateAsync(Request($"fork{i}", [], offset: b, max: 40, key: 10 + i, forkOf: "child"), None)).ToArray();
        posted.Set();
        var results = await Task.WhenAll(forks);
        gone.ShouldBeTrue();
        engine.Loop.BeforeStep = null;
        for (var i = 0; i < 3; i++)
        {
            results[i].PrefilledTokens.ShouldBe(0);
            ShouldAgree(results[i], WholeSequence(fixture.Folder, childTokens[..boundaries[i]], results[i].Tokens, 1));
        }

        var more = await engine.GenerateAsync(Request("root", [1, 2], offset: 51, max: 4, key: 3), None);
        more.Status.ShouldBe(evict ? GenerateStatus.Done : GenerateStatus.SessionMissing);
        if (evict)
        {
            more.PrefilledTokens.ShouldBe(53);
            ShouldAgree(more, WholeSequence(fixture.Folder, [.. all, 1, 2], more.Tokens, 1));
        }

        await NothingIsLeftAsync(engine, ["root", "child", "fork0", "fork1", "fork2"]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_source_that_goes_back_into_a_shared_page_leaves_it_to_its_fork(bool deterministic)
    {
        await using var engine = await fixture.StartAsync(new EngineOptions { Deterministic = deterministic, Workers = 2, KvMebibytes = 64 });
        var prompt = Prompt(21);
        int[] all = [.. prompt, .. (await engine.GenerateAsync(Request("source", prompt, max: 30), None)).Tokens];
        int[] fork = [.. all[..50], .. (await engine.GenerateAsync(Request("fork", [], offset: 50, max: 6, key: 1, forkOf: "source"), None)).Tokens];

        // Tokens 32 to 47 are one page, full and the fork's as well; the source now writes from 40 on.
        var back = await engine.GenerateAsync(Request("source", [3, 4, 5], offset: 40, max: 10, key: 2), None);
        ShouldAgree(back, WholeSequence(fixture.Folder, [.. all[..40], 3, 4, 5], back.Tokens, 1));
        var more = await engine.GenerateAsync(Request("fork", [7], offset: fork.Length, max: 10, key: 3), None);
        more.PrefilledTokens.ShouldBe(1);
        ShouldAgree(more, WholeSequence(fixture.Folder, [.. fork, 7], more.Tokens, 1));
        await NothingIsLeftAsync(engine, ["source", "fork"]);
    }

    [Theory]
    [InlineData(40)]
    [InlineData(48)]
    public async Task An_evicted_source_is_computed_once_for_all_its_forks(int boundary)
    {
        await using var engine = await fixture.StartAsync(new EngineOptions { Deterministic = true, Workers = 2, KvMebibytes = 64 });
        var prompt = Prompt(21);
        var source = await engine.GenerateAsync(Request("source", prompt, max: 30), None);
        int[] prefix = [.. prompt, .. source.Tokens];
        prefix = prefix[..boundary];
        await EvictAsync(engine);
        engine.Status.KvBytes.ShouldBe(0);
        using var posted = new ManualResetEventSlim();
        engine.Loop.BeforeStep = _ => posted.Wait();
        var forks = Enumerable.Range(0, 4).Select(k => engine.GenerateAsync(Request($"source/b{boundary}r{k}", [], offset: boundary, max: 20, key: 50 + k, forkOf: "source"), None)).ToArray();
        posted.Set();
        var results = await Task.WhenAll(forks);
        results.Select(r => r.PrefilledTokens).Order().ShouldBe([0, 0, 0, boundary]);
        engine.Status.RefilledTokens.ShouldBe(boundary);
        foreach (var result in results)
        {
            ShouldAgree(result, WholeSequence(fixture.Folder, prefix, result.Tokens, 1));
        }

        // The source has its prefix back, and computes the rest alone.
        var more = await engine.GenerateAsync(Request("source", [5], offset: 51, max: 4), None);
        more.PrefilledTokens.ShouldBe(52 - boundary);
        ShouldAgree(more, WholeSequence(fixture.Folder, [.. prompt, .. source.Tokens, 5], more.Tokens, 1));
        await NothingIsLeftAsync(engine, ["source"]);
    }

    [Fact]
    public async Task A_source_released_while_a_fork_computes_its_prefix_stays_released()
    {
        await using var engine = await fixture.StartAsync(new EngineOptions { Workers = 1, KvMebibytes = 64 });
        var source = await engine.GenerateAsync(Request("source", Prompt(21), max: 30), None);
        await EvictAsync(engine);
        engine.Loop.BeforeStep = _ =>
        {
            engine.Loop.BeforeStep = null;
            engine.Release("source");
        };
        var fork = await engine.GenerateAsync(Request("fork", [], offset: 40, max: 5, forkOf: "source"), None);
        ShouldAgree(fork, WholeSequence(fixture.Folder, [.. Prompt(21), .. source.Tokens[..19]], fork.Tokens, 1));
        (await engine.GenerateAsync(Request("source", [], offset: 51), None)).Status.ShouldBe(GenerateStatus.SessionMissing);
        await NothingIsLeftAsync(engine, ["fork"]);
    }

    [Fact]
    public void Ghosts_are_few_the_oldest_are_forgotten()
    {
        using var pool = new KvPool(new KvLayout(Config), 8 << 20);
        var counters = new EngineCounters();
        var table = new SessionTable(pool, counters, mostGhostTokens: 100);
        for (var i = 0; i < 6; i++)
        {
            var sequence = new Sequence(Request($"s{i}", Prompt(30)));
            var session = new Session($"s{i}", null);
            session.Tokens.AddRange(sequence.Request.Tokens);
            table.Add(session);
            table.Reserve(sequence, 2);
            table.Busy(session, sequence);
            table.Extend(sequence, 30);
            session.Kv.Add(30, 0);
            table.End(sequence);
        }

        table.Evict(table.Find("s4")!);
        table.EvictAll();
        counters.Evictions.ShouldBe(6);
        pool.Bytes.ShouldBe(0);
        table.Available.ShouldBe(pool.Capacity);
        Enumerable.Range(0, 6).Where(i => table.Find($"s{i}") is not null).ShouldBe([2, 3, 5]);
        table.Find("s5")!.Known.ShouldBe(30);
        table.Find("s5")!.Computed.ShouldBe(0);
    }

    private static async Task EvictAsync(PolicyEngine engine)
    {
        engine.Loop.BeforeStep = _ =>
        {
            engine.Loop.BeforeStep = null;
            engine.Loop.EvictIdle();
        };
        await engine.GenerateAsync(Request("passing", [1], max: 1), None);
        engine.Release("passing");
        (await engine.GenerateAsync(Request("nobody", [], offset: 1), None)).Status.ShouldBe(GenerateStatus.SessionMissing);
    }

    private static async Task NothingIsLeftAsync(PolicyEngine engine, string[] sessions)
    {
        foreach (var session in sessions)
        {
            engine.Release(session);
        }

        (await engine.GenerateAsync(Request("nobody", [], offset: 1), None)).Status.ShouldBe(GenerateStatus.SessionMissing);
        (engine.Status.Sessions, engine.Status.KvBytes, engine.Loop.FreePages).ShouldBe((0, 0L, engine.Loop.Pages));
    }
}
