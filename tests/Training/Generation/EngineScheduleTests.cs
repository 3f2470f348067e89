using Axpo.Core;
using Axpo.Training.Generation;
using Axpo.Training.Models;
using CsCheck;
using Shouldly;
using Xunit;
using static Axpo.Training.Tests.Generation.EngineFixture;

namespace Axpo.Training.Tests.Generation;

/// <summary>Whatever happens in whatever order: every token is the one that a single sequence alone would have, every caller is answered, and nothing is left.</summary>
public class EngineScheduleTests(EngineFixture fixture, ITestOutputHelper output) : IClassFixture<EngineFixture>
{
    /// <summary>Wide pages: one MiB holds thirty.</summary>
    private static readonly DecoderConfig Shape = Config with { KvHeads = 4, HeadDim = 32 };

    private static readonly Gen<ScheduleOperation> Operation = Gen.Select(
        Gen.Int[0, 6],
        Gen.Frequency(
            (6, Gen.Const(ScheduleKind.Join)),
            (7, Gen.Const(ScheduleKind.Continue)),
            (6, Gen.Const(ScheduleKind.Fork)),
            (2, Gen.Const(ScheduleKind.Cancel)),
            (1, Gen.Const(ScheduleKind.Deadline)),
            (2, Gen.Const(ScheduleKind.Release)),
            (2, Gen.Const(ScheduleKind.Publish)),
            (2, Gen.Const(ScheduleKind.Pressure))),
        Gen.Int[0, 9999],
        Gen.Int[0, 9999],
        Gen.Int[0, 9999],
        (later, kind, a, b, c) => new ScheduleOperation(later, kind, a, b, c));

    private static readonly Gen<EngineOptions> Options = Gen.Select(Gen.Bool, Gen.Bool, Gen.Bool, Gen.Int[1, 2], Gen.Int[0, 1].Select(i => i == 0 ? 2 : 8), (deterministic, tight, recompute, workers, batch) => new EngineOptions
    {
        Deterministic = deterministic,
        KvMebibytes = tight ? 1 : 64,
        OldKv = recompute ? OldKv.Recompute : OldKv.Keep,
        Workers = workers,
        MaxBatch = batch,
        MaxContext = 200,
    });

    [Fact]
    public async Task Random_schedules_agree_with_one_sequence_alone()
    {
        (string, string)[] folders = [.. new[] { fixture.Make("A", 1, Shape), fixture.Make("B", 2, Shape) }.Select(f => (f, Hash(f)))];
        using var a = Decoder.Load(folders[0].Item1);
        using var b = Decoder.Load(folders[1].Item1);
        var (compared, near, refilled, shared, leftOut) = (0, 0, 0L, 0L, 0);
        await Gen.Select(Options.Where(o => !(fixture.OnTensors && o.Deterministic)), Operation.List[10, 40], Gen.Int[0, 20]).SampleAsync(
            async (options, operations, pagesOfAWave) =>
            {
                var clock = new ScheduleClock();
                await using var engine = await fixture.StartAsync(options, clock, folders[0].Item1);
                engine.Loop.Wave = new DecodeWave(pagesOfAWave, pageBytes: 1, fewest: 1);
                engine.Loop.BeforeShare = _ => Interlocked.Add(ref leftOut, engine.Loop.Wave.LeftOut);
                var schedule = new EngineSchedule(engine, clock, folders, operations);
                await schedule.RunAsync();
                Decoder[] weights = [.. schedule.Weights.Select(w => w == 0 ? a : b)];
                foreach (var turn in schedule.Turns)
                {
                    var (tokens, close) = Check(turn, await turn.Result, weights, options);
                    (compared, near) = (compared + tokens, near + close);
                }

                (refilled, shared) = (refilled + engine.Status.RefilledTokens, shared + engine.Status.SharedTokens);
                engine.Status.Healthy.ShouldBeTrue();
                engine.Status.Error.ShouldBeNull();
                engine.Release("run");
                (await engine.GenerateAsync(Request("nobody", [], offset: 1), CancellationToken.None)).Status.ShouldBe(GenerateStatus.SessionMissing);
                var status = engine.Status;
                (status.Sessions, status.KvBytes, status.LiveSequences, status.QueuedSequences).ShouldBe((0, 0L, 0, 0));
                engine.Loop.FreePages.ShouldBe(engine.Loop.Pages);
            },
            iter: Schedules,
            threads: 1);
        output.WriteLine($"{compared} tokens compared, {near} of them near a tie, {refilled} computed again, {shared} shared, {leftOut} times a sequence waited for its wave");
        compared.ShouldBeGreaterThan(Schedules * 100);
        near.ShouldBeLessThan(compared / 100);
        refilled.ShouldBeGreaterThan(0);
        shared.ShouldBeGreaterThan(0);
        leftOut.ShouldBeGreaterThan(0);
    }

    private const int Schedules = 40;

    private static (int Tokens, int Near) Check(ScheduledTurn turn, GenerateResult result, Decoder[] weights, EngineOptions options)
    {
        var what = $"{turn.Request.Session}, offset {turn.Request.Offset} + {turn.Request.Tokens.Length}, fork of '{turn.Request.ForkOf}': {result.Status} {result.Error}";
        (result.Status is GenerateStatus.Done || (result.Status is GenerateStatus.Cancelled && turn.MayBeCancelled) || (result.Status is GenerateStatus.SessionMissing && turn.MayBeMissing)).ShouldBeTrue(what);
        result.Tokens.Length.ShouldBe(turn.Kv.Count, what);
        result.LogProbs.Length.ShouldBe(result.Tokens.Length, what);
        if (result.Status is GenerateStatus.Done)
        {
            (result.Stop switch
            {
                StopReason.MaxTokens => result.Tokens.Length == turn.Request.MaxNewTokens,
                StopReason.StopToken => turn.Request.StopTokens.Contains(result.Tokens[^1]),
                _ => turn.Context.Length + result.Tokens.Length >= options.MaxContext,
            }).ShouldBeTrue(what);
        }

        var near = 0;
        var reference = new DenseReference(weights);
        for (var i = 0; i < result.Tokens.Length; i++)
        {
            int[] versions = [.. turn.Kv[i].SelectMany((run, r) => Enumerable.Repeat(run.Weights, run.End - (r == 0 ? 0 : turn.Kv[i][r - 1].End)))];
            var isFresh = turn.Request.Offset == 0;
            versions.ShouldAllBe(v => v <= result.Versions[i] && (!isFresh || v >= turn.Weights), what);
            if (options.Deterministic || options.OldKv == OldKv.Recompute)
            {
                versions.ShouldAllBe(v => v == result.Versions[i], what);
            }

            int[] context = [.. turn.Context, .. result.Tokens[..i]];
            versions.Length.ShouldBe(context.Length, what);
            var draw = reference.Next(context, versions, result.Versions[i], turn.Request.Sampling, turn.Request.Chance);
            if (draw.Gap < 1e-4)
            {
                near++;
                continue;
            }

            result.Tokens[i].ShouldBe(draw.Best, $"token {i} of {what}");
            result.LogProbs[i].ShouldBe((float)draw.LogProbs[draw.Best], 1e-4f, $"log-prob {i} of {what}");
        }

        return (result.Tokens.Length, near);
    }
}
