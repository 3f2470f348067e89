using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Axpo.Core;
using Axpo.Training.Generation;
using Shouldly;
using Xunit;
using static Axpo.Training.Tests.Generation.EngineFixture;

namespace Axpo.Training.Tests.Generation;

/// <summary>What fails takes down what it touched, is said, and leaves nobody waiting.</summary>
public sealed class EngineFaultTests(EngineFixture fixture) : IClassFixture<EngineFixture>
{
    private static readonly CancellationToken None = CancellationToken.None;
    private static readonly EngineOptions Deterministic = new() { Deterministic = true, Workers = 2, KvMebibytes = 64 };

    [Fact]
    public async Task A_failing_step_is_a_fault_and_the_engine_recovers()
    {
        await using var engine = await fixture.StartAsync();
        engine.Loop.BeforeStep = step =>
        {
            engine.Loop.BeforeStep = null;
            throw new InvalidOperationException("pulled the plug");
        };
        var result = await engine.GenerateAsync(Request("a", Prompt(4)), None);
        result.Status.ShouldBe(GenerateStatus.Fault);
        result.Error!.ShouldContain("pulled the plug");
        engine.Status.Healthy.ShouldBeTrue();
        (await engine.GenerateAsync(Request("a", Prompt(4)), None)).Status.ShouldBe(GenerateStatus.Done);
        engine.Status.Error!.ShouldContain("pulled the plug");
    }

    [Fact]
    public async Task A_share_that_fails_fails_its_own_sequences_only()
    {
        var wanted = await UndisturbedAsync();
        await using var engine = await fixture.StartAsync(Deterministic);
        var failed = new ConcurrentQueue<string>();
        OnceAll(engine, share =>
        {
            foreach (var work in share.Work)
            {
                failed.Enqueue(work.Sequence.Request.Session);
            }

            throw new InvalidOperationException("a bad share");
        });
        var results = await SixteenAsync(engine);
        failed.Count.ShouldBeInRange(1, 15);
        for (var i = 0; i < 16; i++)
        {
            if (failed.Contains($"s{i}"))
            {
                results[i].Status.ShouldBe(GenerateStatus.Fault);
                results[i].Error!.ShouldContain("a bad share");
            }
            else
            {
                Same(results[i], wanted[i]);
            }
        }

        engine.Status.Healthy.ShouldBeTrue();
        await NothingIsLeftAsync(engine);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Out_of_memory_once_costs_idle_sessions_and_no_sequence(bool native)
    {
        var wanted = await UndisturbedAsync();
        await using var engine = await fixture.StartAsync(Deterministic);
        var idle = await engine.GenerateAsync(Request("idle", Prompt(20), max: 8, key: 77), None);
        OnceAll(engine, _ => Raise(native ? new ExternalException("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory") : new OutOfMemoryException()));
        var results = await SixteenAsync(engine);
        for (var i = 0; i < 16; i++)
        {
            Same(results[i], wanted[i]);
        }

        engine.Status.Evictions.ShouldBe(1);
        engine.Loop.PrefillRows.ShouldBeLessThan(256);
        engine.Status.Healthy.ShouldBeTrue();
        var again = await engine.GenerateAsync(Request("idle", [], offset: 28, max: 4, key: 77), None);
        (again.Status, again.PrefilledTokens, idle.Tokens.Length).ShouldBe((GenerateStatus.Done, 28, 8));
        await NothingIsLeftAsync(engine);
    }

    [Fact]
    public async Task Out_of_memory_twice_is_a_fault_and_the_engine_stays_healthy()
    {
        await using var engine = await fixture.StartAsync(new EngineOptions { Workers = 1, KvMebibytes = 64 });
        var left = 2;
        engine.Loop.BeforeShare = _ =>
        {
            if (left-- > 0)
            {
                Raise(new OutOfMemoryException("no more"));
            }
        };
        var result = await engine.GenerateAsync(Request("a", Prompt(4)), None);
        (result.Status, result.Error).ShouldBe((GenerateStatus.Fault, "OutOfMemoryException: no more"));
        (await engine.GenerateAsync(Request("a", Prompt(4)), None)).Status.ShouldBe(GenerateStatus.Done);
        engine.Status.Healthy.ShouldBeTrue();
        await NothingIsLeftAsync(engine);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_request_that_cannot_be_admitted_fails_alone_and_returns_its_reservation(bool outOfMemory)
    {
        var wanted = await UndisturbedAsync();
        await using var engine = await fixture.StartAsync(Deterministic with { Workers = 1 });
        await engine.GenerateAsync(Request("source", Prompt(20), max: 8, key: 77), None);
        var fork = new TaskCompletionSource<Task<GenerateResult>>(TaskCreationOptions.RunContinuationsAsynchronously);
        engine.Loop.BeforeShare = share =>
        {
            if (share.Work.Count < 16)
            {
                return;
            }

            // The next page is rented by the fork, for the part of a page that it copies.
            engine.Loop.BeforeShare = null;
            engine.Loop.Pool.BeforeRent = () =>
            {
                engine.Loop.Pool.BeforeRent = null;
                Raise(outOfMemory ? new OutOfMemoryException() : new InvalidOperationException("no page"));
            };
            fork.SetResult(engine.GenerateAsync(Request("fork", [], offset: 21, max: 9, key: 78, forkOf: "source"), None));
        };
        var results = await SixteenAsync(engine);
        var result = await await fork.Task;
        if (outOfMemory)
        {
            // Tried again: the source had become a ghost by then.
            (result.Status, result.PrefilledTokens).ShouldBe((GenerateStatus.Done, 21));
        }
        else
        {
            (result.Status, result.Error).ShouldBe((GenerateStatus.Fault, "InvalidOperationException: no page"));
        }

        for (var i = 0; i < 16; i++)
        {
            Same(results[i], wanted[i]);
        }

        await NothingIsLeftAsync(engine);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task After_a_native_error_the_engine_starts_anew_and_what_waits_goes_on(bool seh)
    {
        await using var engine = await fixture.StartAsync(new EngineOptions { Deterministic = true, MaxBatch = 4, Workers = 2, KvMebibytes = 64 });
        var wanted = await UndisturbedAsync();
        var first = await engine.GenerateAsync(Request("idle", Prompt(20), max: 8, key: 77), None);
        var broken = new ConcurrentQueue<string>();
        OnceAll(engine, share =>
        {
            foreach (var work in share.Work)
            {
                broken.Enqueue(work.Sequence.Request.Session);
            }

            Raise(seh ? new SEHException("bad address") : new ExternalException("Expected all tensors to be on the same device"));
        });
        var results = await SixteenAsync(engine);
        results.Count(r => r.Status == GenerateStatus.Fault).ShouldBeInRange(broken.Count, 8);
        for (var i = 0; i < 16; i++)
        {
            if (results[i].Status == GenerateStatus.Done)
            {
                Same(results[i], wanted[i]);
            }
            else
            {
                results[i].Error!.ShouldContain(seh ? "bad address" : "same device");
            }
        }

        engine.Status.Healthy.ShouldBeTrue();
        var more = await engine.GenerateAsync(Request("idle", [], offset: 20 + first.Tokens.Length, max: 5, key: 77), None);
        (more.Status, more.PrefilledTokens).ShouldBe((GenerateStatus.Done, 28));
        ShouldAgree(more, WholeSequence(fixture.Folder, [.. Prompt(20), .. first.Tokens], more.Tokens, 1));
        await NothingIsLeftAsync(engine);
    }

    [Fact]
    public async Task Weights_that_cannot_be_read_again_make_the_engine_unhealthy_and_everybody_is_answered()
    {
        var folder = fixture.Make("gone", 1);
        await using var engine = await fixture.StartAsync(new EngineOptions { MaxBatch = 2, Workers = 1, KvMebibytes = 64 }, folder: folder);
        OnceAll(engine, share =>
        {
            Directory.Delete(folder, recursive: true);
            Raise(new SEHException("bad address"));
        }, rows: 2);
        var results = await SixteenAsync(engine);
        results.ShouldAllBe(r => r.Status == GenerateStatus.Fault);
        engine.Status.Healthy.ShouldBeFalse();
        engine.Status.Error!.ShouldContain("bad address");
        engine.Status.Error!.ShouldContain(folder);
        (await engine.GenerateAsync(Request("late", Prompt(4)), None)).Status.ShouldBe(GenerateStatus.Fault);
        engine.Status.QueuedSequences.ShouldBe(0);
    }

    [Fact]
    public async Task An_engine_that_keeps_failing_starts_anew_once_then_says_so_and_answers()
    {
        await using var engine = await fixture.StartAsync();
        engine.Loop.BeforeStep = _ => throw new InvalidOperationException("no current");
        var answers = 0;
        while (engine.Status.Healthy)
        {
            (await engine.GenerateAsync(Request($"a{answers++}", Prompt(4)), None)).Status.ShouldBe(GenerateStatus.Fault);
        }

        // Three in a row, once more three; the answer to the sixth comes before the engine's own words.
        answers.ShouldBeInRange(6, 7);
        engine.Status.Error!.ShouldContain("no current");
    }

    /// <summary>All stand before the engine when the first step begins.</summary>
    private static async Task<GenerateResult[]> SixteenAsync(PolicyEngine engine)
    {
        using var posted = new ManualResetEventSlim();
        engine.Loop.BeforeStep = _ => posted.Wait();
        var results = Enumerable.Range(0, 16).Select(i => engine.GenerateAsync(Request($"s{i}", Prompt(5 + i, (ulong)i), max: 40, key: i), None)).ToArray();
        posted.Set();
        var all = await Task.WhenAll(results);
        engine.Loop.BeforeStep = null;
        return all;
    }

    private static void Same(GenerateResult result, GenerateResult wanted)
    {
        result.Status.ShouldBe(GenerateStatus.Done, result.Error);
        result.Tokens.ShouldBe(wanted.Tokens);
        result.LogProbs.ShouldBe(wanted.LogProbs);
    }

    /// <summary>The first share from now on with so many sequences fails.</summary>
    private static void OnceAll(PolicyEngine engine, Action<StepShare> fail, int rows = 4)
    {
        var done = 0;
        engine.Loop.BeforeShare = share =>
        {
            if (share.Work.Count >= rows && Interlocked.Exchange(ref done, 1) == 0)
            {
                fail(share);
            }
        };
    }

    /// <summary>Throws what only the runtime does.</summary>
    private static void Raise(Exception e) => ExceptionDispatchInfo.Throw(e);

    private static async Task NothingIsLeftAsync(PolicyEngine engine)
    {
        foreach (var prefix in new[] { "a", "idle", "source", "fork" }.Concat(Enumerable.Range(0, 16).Select(i => $"s{i}")))
        {
            engine.Release(prefix);
        }

        (await engine.GenerateAsync(Request("nobody", [], offset: 1), None)).Status.ShouldBe(GenerateStatus.SessionMissing);
        (engine.Status.Sessions, engine.Status.KvBytes, engine.Status.LiveSequences, engine.Status.QueuedSequences).ShouldBe((0, 0L, 0, 0));
        engine.Loop.FreePages.ShouldBe(engine.Loop.Pages);
    }

    private async Task<GenerateResult[]> UndisturbedAsync()
    {
        await using var engine = await fixture.StartAsync(Deterministic);
        return await SixteenAsync(engine);
    }
}
