using Axpo.Core;
using Axpo.Training.Generation;
using Axpo.Training.Models;
using Axpo.Training.Threads;
using Shouldly;
using TorchSharp;
using Xunit;
using static Axpo.Training.Tests.Generation.EngineFixture;

namespace Axpo.Training.Tests.Generation;

/// <summary>Cancelling, deadlines, faults, weights, memory: no caller is ever left waiting.</summary>
public class EngineLifeTests(EngineFixture fixture) : IClassFixture<EngineFixture>
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task Cancelling_ends_within_one_step_and_keeps_the_session()
    {
        await using var engine = await fixture.StartAsync();
        using var source = new CancellationTokenSource();
        engine.Loop.BeforeStep = step =>
        {
            if (step == 5)
            {
                source.Cancel();
            }
        };
        var cancelled = await engine.GenerateAsync(Request("a", Prompt(4), max: 400), source.Token);
        cancelled.Status.ShouldBe(GenerateStatus.Cancelled);
        cancelled.Tokens.Length.ShouldBe(6);
        engine.Loop.BeforeStep = null;
        var again = await engine.GenerateAsync(Request("a", [], offset: 4, max: 8), None);
        again.Tokens[..6].ShouldBe(cancelled.Tokens);
        again.PrefilledTokens.ShouldBe(0);
    }

    [Fact]
    public async Task Deadlines_end_live_and_waiting_sequences()
    {
        var clock = new Clock();
        await using var engine = await fixture.StartAsync(new EngineOptions { MaxBatch = 1, Workers = 1, KvMebibytes = 64 }, clock);
        engine.Loop.BeforeStep = step => clock.Now += TimeSpan.FromSeconds(1);
        var deadline = clock.Now + TimeSpan.FromSeconds(3);
        var live = engine.GenerateAsync(Request("a", Prompt(4), max: 400, deadline: deadline), None);
        var waiting = engine.GenerateAsync(Request("b", Prompt(4), max: 400, deadline: deadline), None);
        (await live).Status.ShouldBe(GenerateStatus.Cancelled);
        (await live).Tokens.Length.ShouldBe(3);
        (await live).Error!.ShouldContain("deadline");
        (await waiting).Status.ShouldBe(GenerateStatus.Cancelled);
    }

    [Fact]
    public async Task A_full_queue_says_busy()
    {
        using var gate = new ManualResetEventSlim();
        await using var engine = await fixture.StartAsync(new EngineOptions { MaxBatch = 1, Workers = 1, MaxQueue = 2, KvMebibytes = 64 });
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        engine.Loop.BeforeStep = _ =>
        {
            entered.TrySetResult();
            gate.Wait();
        };
        var first = engine.GenerateAsync(Request("a", Prompt(4)), None);
        await entered.Task;
        var second = engine.GenerateAsync(Request("b", Prompt(4)), None);
        var third = engine.GenerateAsync(Request("c", Prompt(4)), None);
        var refused = await engine.GenerateAsync(Request("d", Prompt(4)), None);
        refused.Status.ShouldBe(GenerateStatus.Busy);
        engine.Status.QueuedSequences.ShouldBe(2);
        gate.Set();
        (await Task.WhenAll(first, second, third)).ShouldAllBe(r => r.Status == GenerateStatus.Done);
        engine.Status.QueuedSequences.ShouldBe(0);
    }

    [Fact]
    public async Task Disposal_answers_everybody()
    {
        var engine = await fixture.StartAsync(new EngineOptions { MaxBatch = 2, Workers = 1, KvMebibytes = 64 });
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        engine.Loop.BeforeStep = _ => entered.TrySetResult();
        var pending = Enumerable.Range(0, 6).Select(i => engine.GenerateAsync(Request($"s{i}", Prompt(4), max: 500), None)).ToArray();
        await entered.Task;
        await engine.DisposeAsync();
        (await Task.WhenAll(pending)).ShouldContain(r => r.Status == GenerateStatus.Cancelled);
        (await engine.GenerateAsync(Request("late", Prompt(4)), None)).Status.ShouldBe(GenerateStatus.Cancelled);
        await engine.DisposeAsync();
    }

    [Fact]
    public async Task A_sequence_larger_than_the_budget_is_named()
    {
        var folder = fixture.Make("wide", 1, new DecoderConfig { VocabSize = 100, HiddenSize = 128, Layers = 4, Heads = 4, KvHeads = 4, HeadDim = 32, IntermediateSize = 64, MaxPositions = 4096 });
        await using var engine = await fixture.StartAsync(new EngineOptions { KvMebibytes = 1 }, folder: folder);
        var result = await engine.GenerateAsync(Request("a", [1, 2, 3], max: 4000), None);
        result.Status.ShouldBe(GenerateStatus.Fault);
        result.Error!.ShouldContain("engine.kvMebibytes");
        (await engine.GenerateAsync(Request("a", [1, 2, 3], max: 40), None)).Status.ShouldBe(GenerateStatus.Done);
    }

    [Fact]
    public async Task New_weights_are_taken_between_tokens()
    {
        var folder = fixture.Make("second", 2);
        await using var engine = await fixture.StartAsync();
        var generating = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var gate = new ManualResetEventSlim();
        engine.Loop.BeforeStep = step =>
        {
            if (step == 5)
            {
                // The loop stands between two tokens until the new weights are on their way.
                generating.SetResult();
                gate.Wait();
            }
        };
        var running = engine.GenerateAsync(Request("a", Prompt(4), max: 300), None);
        await generating.Task;
        var publishing = engine.PublishAsync(new WeightsVersion(1, 7, folder, Hash(folder)), None);
        while (engine.Published.Step != 7)
        {
            await Task.Yield();
        }

        gate.Set();
        (await publishing).ShouldBeTrue();
        var result = await running;
        result.Versions[0].ShouldBe(0);
        result.Versions[^1].ShouldBe(7);
        result.Versions.ShouldBe(result.Versions.Order().ToArray());
        engine.Status.Version.ShouldBe(7);

        // Only higher (fence, step).
        (await engine.PublishAsync(new WeightsVersion(1, 7, folder, Hash(folder)), None)).ShouldBeFalse();
        (await engine.PublishAsync(new WeightsVersion(0, 9, folder, Hash(folder)), None)).ShouldBeFalse();
        (await engine.PublishAsync(new WeightsVersion(2, 1, folder, Hash(folder)), None)).ShouldBeTrue();
        engine.Status.Version.ShouldBe(1);

        // A fresh sequence knows the new weights alone.
        var fresh = await engine.GenerateAsync(Request("b", Prompt(9), max: 10), None);
        ShouldAgree(fresh, WholeSequence(folder, Prompt(9), fresh.Tokens, 1));
    }

    [Fact]
    public async Task Prompts_of_older_weights_are_not_reused()
    {
        var folder = fixture.Make("third", 3);
        await using var engine = await fixture.StartAsync();
        var prompt = Prompt(20);
        await engine.GenerateAsync(Request("g/0", prompt, group: "g"), None);
        (await engine.PublishAsync(new WeightsVersion(1, 1, folder, Hash(folder)), None)).ShouldBeTrue();
        var fresh = await engine.GenerateAsync(Request("g/1", prompt, group: "g"), None);
        fresh.PrefilledTokens.ShouldBe(prompt.Length);
        ShouldAgree(fresh, WholeSequence(folder, prompt, fresh.Tokens, 1));
        var restarted = await engine.GenerateAsync(Request("g/0", prompt, group: "g"), None);
        ShouldAgree(restarted, WholeSequence(folder, prompt, restarted.Tokens, 1));
    }

    [Fact]
    public async Task Deterministic_mode_waits_until_nothing_is_live_and_recomputes_older_sessions()
    {
        var folder = fixture.Make("fourth", 4);
        await using var engine = await fixture.StartAsync(new EngineOptions { Deterministic = true, KvMebibytes = 64 });
        var live = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        engine.Loop.BeforeStep = _ => live.TrySetResult();
        var running = engine.GenerateAsync(Request("a", Prompt(4), max: 200), None);
        await live.Task;
        var publishing = engine.PublishAsync(new WeightsVersion(1, 1, folder, Hash(folder)), None);
        var first = await running;
        first.Versions.Distinct().Count().ShouldBe(1);
        (await publishing).ShouldBeTrue();
        var second = await engine.GenerateAsync(Request("a", [1], offset: 204), None);
        second.PrefilledTokens.ShouldBe(205);
        ShouldAgree(second, WholeSequence(folder, [.. Prompt(4), .. first.Tokens, 1], second.Tokens, 1));
    }

    [Fact]
    public async Task Damaged_weights_are_refused_and_the_old_ones_stay()
    {
        var folder = fixture.Make("damaged", 5);
        await using var engine = await fixture.StartAsync();
        var error = await Should.ThrowAsync<InvalidDataException>(() => engine.PublishAsync(new WeightsVersion(1, 1, folder, new string('0', 64)), None));
        error.Message.ShouldContain("sha256");
        var other = fixture.Make("othershape", 5, Config with { Layers = 1 });
        (await Should.ThrowAsync<InvalidDataException>(() => engine.PublishAsync(new WeightsVersion(1, 1, other, Hash(other)), None))).Message.ShouldContain("shape");
        engine.Status.Version.ShouldBe(0);
        (await engine.GenerateAsync(Request("a", Prompt(4)), None)).Status.ShouldBe(GenerateStatus.Done);
    }

    [Fact]
    public async Task Weights_that_overflow_are_a_fault_and_never_a_token()
    {
        var folder = fixture.Make("overflow", 6);
        using (var decoder = Decoder.Load(folder))
        {
            using var guard = torch.no_grad();
            decoder.Parameters.Single(p => p.Name == "model.norm.weight").Value.fill_(float.MaxValue);
            Directory.Delete(folder, recursive: true);
            decoder.Save(folder);
        }

        await using var engine = await fixture.StartAsync(folder: folder);
        var result = await engine.GenerateAsync(Request("a", Prompt(4)), None);
        result.Status.ShouldBe(GenerateStatus.Fault);
        result.Error!.ShouldContain("not finite");
        result.Tokens.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_learner_that_sets_its_threads_does_not_change_a_workers()
    {
        Task<T> OnThread<T>(Func<T> work) => Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        using var learner = new ManualResetEventSlim();
        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var worker = OnThread(() =>
        {
            IntraOpThreads.UseOne();
            ready.SetResult();
            learner.Wait();
            return torch.get_num_threads();
        });
        await ready.Task;
        await OnThread(() =>
        {
            torch.set_num_threads(2);
            learner.Set();
            return 0;
        });
        (await worker).ShouldBe(1);
    }

    [Fact]
    public async Task A_model_that_is_not_there_is_named()
    {
        var error = await Should.ThrowAsync<FileNotFoundException>(() => fixture.StartAsync(folder: "/nowhere/model"));
        error.Message.ShouldContain("/nowhere/model");
    }

    private sealed class Clock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
