using Axpo.Core;
using Axpo.Training.Generation;
using Shouldly;
using Xunit;
using static Axpo.Training.Tests.Generation.EngineFixture;

namespace Axpo.Training.Tests.Generation;

/// <summary>Episodes of several turns, with forks, cancelled calls and evictions, in far too little memory: every token is still right and no page is lost.</summary>
public class EngineStressTests(EngineFixture fixture) : IClassFixture<EngineFixture>
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 1)]
    [InlineData(false, 64)]
    public async Task Episodes_under_pressure(bool deterministic, int mebibytes)
    {
        await using var engine = await fixture.StartAsync(new EngineOptions { Deterministic = deterministic, KvMebibytes = mebibytes, MaxBatch = 8, Workers = 2 });
        var episodes = await Task.WhenAll(Enumerable.Range(0, 48).Select(i => EpisodeAsync(engine, i)));
        foreach (var (context, result) in episodes.SelectMany(e => e))
        {
            ShouldAgree(result, WholeSequence(fixture.Folder, context, result.Tokens, 1));
        }

        engine.Status.KvBytes.ShouldBeLessThanOrEqualTo((long)mebibytes << 20);
        (engine.Status.Evictions > 0).ShouldBe(mebibytes == 1);
        (engine.Status.RefilledTokens > 0).ShouldBe(mebibytes == 1);
        engine.Release("run");
        await engine.GenerateAsync(Request("last", [1], max: 1), None);
        engine.Release("last");
        (await engine.GenerateAsync(Request("none", [], offset: 1), None)).Status.ShouldBe(GenerateStatus.SessionMissing);
        (engine.Status.Sessions, engine.Status.KvBytes, engine.Status.LiveSequences, engine.Status.QueuedSequences).ShouldBe((0, 0L, 0, 0));
    }

    private static async Task<List<(int[] Context, GenerateResult Result)>> EpisodeAsync(PolicyEngine engine, int index)
    {
        var chance = ChanceKey.Root(3).With((ulong)index).Stream();
        var done = new List<(int[], GenerateResult)>();
        var group = $"run/{index / 6}";
        var session = $"{group}/{index}";
        var tokens = new List<int>(Prompt(5 + (11 * (index / 6)), (ulong)(index / 6)));
        var held = 0;
        for (var turn = 0; turn < 4; turn++)
        {
            if (chance.Next(4) == 0)
            {
                // A call that somebody gives up, sooner or later; the turn is then done again.
                using var source = new CancellationTokenSource();
                var given = engine.GenerateAsync(Request(session, [.. tokens.Skip(held)], offset: held, max: 20, key: index, group: group), source.Token);
                await source.CancelAsync();
                await given;
            }

            var result = await TurnAsync(engine, session, tokens, held, index, group, null);
            done.Add(([.. tokens], result));
            tokens.AddRange(result.Tokens);
            held = tokens.Count;
            tokens.AddRange(Prompt(chance.Next(0, 20), (ulong)chance.Next(1000)));
        }

        var boundary = chance.Next(5, tokens.Count - 25);
        var forks = await Task.WhenAll(Enumerable.Range(0, 2).Select(k =>
            TurnAsync(engine, $"{session}/b{boundary}r{k}", tokens[..boundary], boundary, 1000 + k, group, session)));
        done.AddRange(forks.Select(f => (tokens[..boundary].ToArray(), f)));
        return done;
    }

    private static async Task<GenerateResult> TurnAsync(PolicyEngine engine, string session, List<int> tokens, int held, int key, string group, string? forkOf)
    {
        var result = await engine.GenerateAsync(Request(session, [.. tokens.Skip(held)], offset: held, max: 20, key: key, group: group, forkOf: forkOf), None);
        result.Status.ShouldBe(GenerateStatus.Done, result.Error);
        result.Tokens.Length.ShouldBe(20);
        return result;
    }
}
