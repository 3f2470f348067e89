using Axpo.Core;
using Axpo.Training.Generation;
using CsCheck;
using Shouldly;
using Xunit;
using static Axpo.Training.Tests.Generation.EngineFixture;

namespace Axpo.Training.Tests.Generation;

/// <summary>Which weights computed what, and what becomes of it when new ones come.</summary>
public class EngineWeightsTests(EngineFixture fixture) : IClassFixture<EngineFixture>
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public void The_record_of_versions_is_that_of_a_list() =>
        Gen.Select(Gen.Int[0, 2], Gen.Int[0, 9], Gen.Int[0, 2]).List[0, 30].Sample(operations =>
        {
            var (record, list) = (new KvVersions(), new List<int>());
            foreach (var (kind, amount, weights) in operations)
            {
                switch (kind)
                {
                    case 0:
                        record.Add(amount, weights);
                        list.AddRange(Enumerable.Repeat(weights, amount));
                        break;
                    case 1:
                        var keep = Math.Min(amount * 3, list.Count);
                        record.Truncate(keep);
                        list.RemoveRange(keep, list.Count - keep);
                        break;
                    default:
                        var (copy, first) = (new KvVersions(), Math.Min(amount * 3, list.Count));
                        copy.CopyFrom(record, first);
                        (record, list) = (copy, list[..first]);
                        break;
                }

                record.Count.ShouldBe(list.Count);
                record.Leading(weights).ShouldBe(list.TakeWhile(w => w == weights).Count());
                Each(record).ShouldBe(list);
                record.Runs.Zip(record.Runs.Skip(1)).ShouldAllBe(p => p.First.Weights != p.Second.Weights);
            }
        });

    [Theory]
    [InlineData(OldKv.Keep)]
    [InlineData(OldKv.Recompute)]
    public async Task New_weights_keep_or_recompute_what_older_ones_computed(OldKv oldKv)
    {
        var folder = fixture.Make("new" + oldKv, 2);
        await using var engine = await fixture.StartAsync(new EngineOptions { OldKv = oldKv, Workers = 2, KvMebibytes = 64 });
        await engine.GenerateAsync(Request("idle", Prompt(20, 9), max: 8, key: 5), None);
        var records = new List<(int Token, (int End, int Weights)[] Runs)>();
        using var posted = new ManualResetEventSlim();
        Task<bool>? publishing = null;
        engine.Loop.BeforeStep = _ =>
        {
            posted.Wait();
            if (engine.Loop.Kv("g/0") is { Count: > 0 } kv)
            {
                records.Add((kv.Count, [.. kv.Runs]));
            }

            if (publishing is null && engine.Loop.Kv("g/3") is { Count: > 20 })
            {
                publishing = engine.PublishAsync(new WeightsVersion(1, 7, folder, Hash(folder)), None);
                SpinWait.SpinUntil(() => engine.Published.Step == 7);
            }
        };
        var prompt = Prompt(12);
        var running = Enumerable.Range(0, 4).Select(i => engine.GenerateAsync(Request($"g/{i}", prompt, max: 40, key: i, group: "g"), None)).ToArray();
        posted.Set();
        var results = await Task.WhenAll(running);
        (await publishing!).ShouldBeTrue();
        foreach (var result in results)
        {
            result.Status.ShouldBe(GenerateStatus.Done, result.Error);
            result.Tokens.Length.ShouldBe(40);
            var before = Array.IndexOf(result.Versions, 7);
            before.ShouldBeInRange(5, 35);
            var under = WholeSequence(fixture.Folder, prompt, result.Tokens[..before], 1);
            ShouldAgree(result with { LogProbs = result.LogProbs[..before] }, under);
            if (oldKv == OldKv.Recompute)
            {
                var after = WholeSequence(folder, [.. prompt, .. result.Tokens[..before]], result.Tokens[before..], 1);
                ShouldAgree(result with { LogProbs = result.LogProbs[before..] }, after);
            }
        }

        var own = Array.IndexOf(results[0].Versions, 7);
        records[^1].Runs.ShouldBe(oldKv == OldKv.Keep ? [(12 + own - 1, 0), (51, 1)] : [(51, 1)]);
        engine.Status.QueuedSequences.ShouldBe(0);

        // The prompt was computed again once for all four; all else was sampled.
        var refilled = oldKv == OldKv.Keep ? 0 : 12 + results.Sum(r => Array.IndexOf(r.Versions, 7) - 1);
        engine.Status.RefilledTokens.ShouldBe(refilled);
        var idle = await engine.GenerateAsync(Request("idle", [3, 4], offset: 28, max: 5, key: 5), None);
        idle.PrefilledTokens.ShouldBe(oldKv == OldKv.Keep ? 2 : 30);
        engine.Release("g");
        engine.Release("idle");
        (await engine.GenerateAsync(Request("nobody", [], offset: 1), None)).Status.ShouldBe(GenerateStatus.SessionMissing);
        (engine.Status.Sessions, engine.Status.KvBytes, engine.Loop.FreePages).ShouldBe((0, 0L, engine.Loop.Pages));
    }

    [Theory]
    [InlineData(OldKv.Keep)]
    [InlineData(OldKv.Recompute)]
    public async Task Forks_of_a_source_of_older_weights_share_its_kv_or_compute_it_once(OldKv oldKv)
    {
        const int Boundary = 33;
        var folder = fixture.Make("forked" + oldKv, 2);
        await using var engine = await fixture.StartAsync(new EngineOptions { OldKv = oldKv, Workers = 2, KvMebibytes = 64 });
        var source = await engine.GenerateAsync(Request("source", Prompt(20), max: 30), None);
        (await engine.PublishAsync(new WeightsVersion(1, 7, folder, Hash(folder)), None)).ShouldBeTrue();
        using var posted = new ManualResetEventSlim();
        var runs = new Dictionary<string, (int End, int Weights)[]>(StringComparer.Ordinal);
        engine.Loop.BeforeStep = _ => posted.Wait();
        engine.Loop.AfterToken = (sequence, _) => runs[sequence.Request.Session] = [.. sequence.Session!.Kv.Runs];
        var running = Enumerable.Range(0, 4).Select(k => engine.GenerateAsync(Request($"source/b{Boundary}r{k}", [], offset: Boundary, max: 6, key: k, forkOf: "source"), None)).ToArray();
        posted.Set();
        var forks = await Task.WhenAll(running);
        forks.ShouldAllBe(f => f.Status == GenerateStatus.Done && f.Versions.All(v => v == 7));

        // What is sampled after is computed by the weights that sample.
        runs.Count.ShouldBe(4);
        foreach (var run in runs.Values)
        {
            run.ShouldBe(oldKv == OldKv.Keep ? [(Boundary - 1, 0), (Boundary + 5, 1)] : [(Boundary + 5, 1)]);
        }

        forks.Select(f => f.PrefilledTokens).Order().ShouldBe(oldKv == OldKv.Keep ? [0, 0, 0, 0] : [0, 0, 0, Boundary]);
        engine.Status.RefilledTokens.ShouldBe(oldKv == OldKv.Keep ? 0 : Boundary);
        if (oldKv == OldKv.Recompute)
        {
            ShouldAgree(forks[0], WholeSequence(folder, [.. Prompt(20), .. source.Tokens[..(Boundary - 20)]], forks[0].Tokens, 1));
        }
    }

    private static IEnumerable<int> Each(KvVersions record)
    {
        var start = 0;
        foreach (var (end, weights) in record.Runs)
        {
            for (; start < end; start++)
            {
                yield return weights;
            }
        }
    }
}
