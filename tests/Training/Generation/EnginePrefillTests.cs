using Axpo.Core;
using Shouldly;
using Xunit;
using static Axpo.Training.Tests.Generation.EngineFixture;

namespace Axpo.Training.Tests.Generation;

/// <summary>Long contexts are computed beside decoding, a piece a step.</summary>
public class EnginePrefillTests(EngineFixture fixture) : IClassFixture<EngineFixture>
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task Decoders_gain_a_token_at_every_step_while_a_long_observation_is_computed()
    {
        const int Long = 1500;
        var folder = fixture.Make("long", 1, Config with { MaxPositions = 2048 });
        await using var engine = await fixture.StartAsync(new EngineOptions { Workers = 2, KvMebibytes = 64 }, folder: folder);
        (await engine.GenerateAsync(Request("long", Prompt(4), max: 2, key: 99), None)).Status.ShouldBe(GenerateStatus.Done);
        var observation = new TaskCompletionSource<Task<GenerateResult>>(TaskCreationOptions.RunContinuationsAsynchronously);
        var steps = new List<(long Generated, long Prefilled)>();
        using var posted = new ManualResetEventSlim();
        engine.Loop.BeforeStep = step =>
        {
            posted.Wait();
            if (step == 20)
            {
                observation.SetResult(engine.GenerateAsync(Request("long", Prompt(Long, 5), offset: 6, max: 3, key: 99), None));
            }

            if (step >= 21)
            {
                steps.Add((engine.Status.GeneratedTokens, engine.Status.PrefilledTokens));
            }
        };
        var decoders = Enumerable.Range(0, 8).Select(i => engine.GenerateAsync(Request($"s{i}", Prompt(6, (ulong)i), max: 60, key: i), None)).ToArray();
        posted.Set();
        var result = await (await observation.Task);
        await Task.WhenAll(decoders);
        result.PrefilledTokens.ShouldBe(Long);
        var differences = steps.Zip(steps.Skip(1), (a, b) => (Generated: b.Generated - a.Generated, Prefilled: b.Prefilled - a.Prefilled)).Where(d => d.Prefilled > 0).ToList();
        differences.Sum(d => d.Prefilled).ShouldBe(Long);
        differences.Count.ShouldBeGreaterThanOrEqualTo(Long / 256);
        differences.ShouldAllBe(d => d.Prefilled <= 256);
        differences[..^1].ShouldAllBe(d => d.Generated == 8);

        // The step that ends the observation samples from it too.
        differences[^1].Generated.ShouldBe(9);
    }
}
