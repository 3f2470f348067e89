using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Axpo.Core;
using Axpo.Training.Devices;
using Axpo.Training.Generation;
using Axpo.Training.Models;
using Shouldly;
using TorchSharp;
using Xunit;
using static Axpo.Training.Tests.Generation.EngineFixture;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Generation;

/// <summary>One step of the path of devices, and what becomes of one that fails.</summary>
public sealed class TensorStepTests(TensorEngineFixture fixture) : IClassFixture<TensorEngineFixture>
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public void Rows_stand_in_calls_of_near_lengths_each_with_the_slots_of_its_contexts()
    {
        using var pool = new KvPool(new KvLayout(Config), 16 << 20);
        int[] from = [5, 300, 63, 130, 0, 64, 129, 20], count = [1, 1, 1, 1, 70, 1, 1, 0];
        StepWork[] work = [.. from.Select((f, i) => new StepWork(Sequence(pool, $"s{i}", f + count[i], i), f, count[i], Sample: true))];
        var rows = TensorRows.Of(work, context => context >= 320 ? 1 : 2);
        rows.Count.ShouldBe(76);
        rows.Calls.Select(c => (c.First, c.Rows, c.IsPiece, c.Context)).ShouldBe([(0, 1, false, 320), (1, 2, false, 192), (3, 1, false, 128), (4, 2, false, 64), (6, 70, true, 128)]);
        int[] order = [1, 3, 6, 5, 2, 0, 4];
        long[] positions = [.. order.SelectMany(i => Enumerable.Range(from[i], count[i]).Select(p => (long)p))];
        rows.Packed[76..152].ShouldBe(positions);
        var row = 0;
        foreach (var i in order)
        {
            var session = work[i].Sequence.Session!;
            for (var position = from[i]; position < from[i] + count[i]; position++, row++)
            {
                rows.Packed[row].ShouldBe(session.Tokens[position]);
                rows.Packed[152 + row].ShouldBe((session.Pages[position / 16].Index * 16) + (position % 16));
            }
        }

        var second = work[3].Sequence.Session!.Pages;
        rows.Packed.AsSpan(rows.Calls[1].Table, 12).ToArray().ShouldBe([.. second.Select(p => p.Index * 16L), 0, 0, 0]);
        var piece = work[4].Sequence.Session!.Pages;
        rows.Packed.AsSpan(rows.Calls[4].Table).ToArray().ShouldBe([.. piece.Select(p => p.Index * 16L), 0, 0, 0]);
    }

    /// <summary>A page comes with what was there before, be it no numbers at all; and every kind of call meets it: decoding at two lengths, a piece of a prefill, sampling alone.</summary>
    [Fact]
    public void What_stood_in_the_pages_before_is_never_read_and_no_tensor_is_left_behind()
    {
        using var decoder = Decoder.Load(fixture.Folder);
        var clean = Steps(decoder, float.PositiveInfinity, poisoned: false);
        Steps(decoder, float.NaN, poisoned: true).ShouldBe(clean);
        Steps(decoder, float.PositiveInfinity, poisoned: true).ShouldBe(clean);
    }

    [Theory]
    [InlineData("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 139.80 GiB of which 1.00 GiB is free.")]
    [InlineData("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")]
    [InlineData("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory")]
    public async Task A_device_that_runs_out_of_memory_costs_idle_sessions_and_no_sequence(string message)
    {
        await using var engine = await fixture.StartAsync();
        await engine.GenerateAsync(Request("idle", Prompt(20), max: 8, key: 77), None);
        var steps = 0;
        engine.Loop.BeforeShare = _ =>
        {
            if (++steps == 3)
            {
                ExceptionDispatchInfo.Throw(new ExternalException(message));
            }
        };
        var results = await Task.WhenAll(Enumerable.Range(0, 4).Select(i => engine.GenerateAsync(Request($"s{i}", Prompt(9, (ulong)i), max: 20, key: i), None)));
        for (var i = 0; i < 4; i++)
        {
            (results[i].Status, results[i].Tokens.Length).ShouldBe((GenerateStatus.Done, 20), results[i].Error);
            ShouldAgree(results[i], WholeSequence(fixture.Folder, Prompt(9, (ulong)i), results[i].Tokens, 1));
        }

        (engine.Status.Evictions, engine.Status.Healthy).ShouldBe((1, true));
        engine.Loop.PrefillRows.ShouldBeLessThan(256);
    }

    [Fact]
    public async Task After_a_native_error_the_engine_starts_anew_and_computes_again_what_was_known()
    {
        await using var engine = await fixture.StartAsync();
        var first = await engine.GenerateAsync(Request("idle", Prompt(20), max: 8, key: 77), None);
        engine.Loop.BeforeShare = _ =>
        {
            engine.Loop.BeforeShare = null;
            ExceptionDispatchInfo.Throw(new ExternalException("CUDA error: an illegal memory access was encountered"));
        };
        var broken = await engine.GenerateAsync(Request("a", Prompt(9)), None);
        (broken.Status, engine.Status.Healthy).ShouldBe((GenerateStatus.Fault, true));
        broken.Error!.ShouldContain("illegal memory access");
        var more = await engine.GenerateAsync(Request("idle", [], offset: 20 + first.Tokens.Length, max: 5, key: 77), None);
        (more.Status, more.PrefilledTokens).ShouldBe((GenerateStatus.Done, 28));
        ShouldAgree(more, WholeSequence(fixture.Folder, [.. Prompt(20), .. first.Tokens], more.Tokens, 1));
    }

    /// <summary>Steps of five sequences, one of them longer than a step's prefill.</summary>
    private static List<(int Token, float LogProb)> Steps(Decoder decoder, float poison, bool poisoned)
    {
        using var inference = inference_mode();
        using var memory = new TensorKvMemory(new KvLayout(Config), 8 << 20, ComputeDevice.Cpu);
        if (poisoned)
        {
            using var scope = NewDisposeScope();
            memory.Hidden.fill_(poison);
            for (var layer = 0; layer < Config.Layers; layer++)
            {
                memory.Keys(layer).narrow(0, 0, memory.EmptySlot).fill_(poison);
                memory.Values(layer).narrow(0, 0, memory.EmptySlot).fill_(poison);
            }
        }

        using var pool = new KvPool(new KvLayout(Config), memory);
        using var team = new TensorTeam(Config, memory);
        int[] prompts = [3, 5, 70, 150, 40];
        var sequences = prompts.Select((p, i) => Sequence(pool, $"s{i}", p, i)).ToArray();
        var sampled = new List<(int, float)>();
        long? live = null;
        for (var step = 0; step < 12; step++)
        {
            var share = team.Shares.ShouldHaveSingleItem();
            share.Clear();
            foreach (var session in sequences.Select(s => s.Session!))
            {
                // The fifth is computed a piece a step, and once more sampled from without anything to compute.
                var todo = session.Uncomputed;
                var count = Math.Min(todo, 45);
                while (session.Pages.Count < KvLayout.Pages(session.Computed + count))
                {
                    session.Pages.Add(pool.Rent());
                }

                share.Add(new StepWork(session.Running!, session.Computed, count, Sample: count == todo));
            }

            team.Run(decoder, null, null);
            share.Failure.ShouldBeNull();
            share.Errors.ShouldAllBe(e => e == null);
            for (var i = 0; i < sequences.Length; i++)
            {
                var session = sequences[i].Session!;
                session.Kv.Add(share.Work[i].Count, 0);
                if (!share.Work[i].Sample)
                {
                    continue;
                }

                sampled.Add((share.Sampled[i].Token, share.Sampled[i].LogProb));
                if (step % 3 != 1)
                {
                    // Else it is drawn again from what stands in the pages.
                    session.Tokens.Add(share.Sampled[i].Token);
                }
            }

            var statistics = DisposeScopeManager.Statistics.TensorStatistics;
            live ??= statistics.ThreadTotalLiveCount;
            statistics.ThreadTotalLiveCount.ShouldBe(live.Value);
        }

        return sampled;
    }

    /// <summary>A sequence whose session holds tokens and the pages for them.</summary>
    private static Sequence Sequence(KvPool pool, string id, int tokens, int key)
    {
        var sequence = new Sequence(Request(id, Prompt(tokens, (ulong)key), max: 100, key: key));
        var session = new Session(id, null) { Running = sequence };
        session.Tokens.AddRange(sequence.Request.Tokens);
        while (session.Pages.Count < KvLayout.Pages(tokens))
        {
            session.Pages.Add(pool.Rent());
        }

        sequence.Session = session;
        return sequence;
    }
}
