using Axpo.Core;
using Axpo.Training.Generation;
using Axpo.Training.Models;
using Shouldly;
using Xunit;
using static Axpo.Training.Tests.Generation.EngineFixture;

namespace Axpo.Training.Tests.Generation;

/// <summary>The same requests are the same bits, whoever else is there.</summary>
public sealed class DeterministicModeTests(EngineFixture fixture) : IClassFixture<EngineFixture>
{
    private static readonly CancellationToken None = CancellationToken.None;
    private static readonly EngineOptions Deterministic = new() { Deterministic = true, KvMebibytes = 256 };

    // axpo-tiny's shape, where matrix kernels have the room to choose differently, and an odd one.
    private static readonly DecoderConfig[] Shapes =
    [
        new() { VocabSize = 1247, HiddenSize = 128, Layers = 4, Heads = 4, KvHeads = 4, HeadDim = 32, IntermediateSize = 344, MaxPositions = 512 },
        new() { VocabSize = 203, HiddenSize = 40, Layers = 2, Heads = 5, KvHeads = 1, HeadDim = 10, IntermediateSize = 70, MaxPositions = 512 },
    ];

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Batch_size_arrival_order_and_workers_change_no_bit(int shape)
    {
        var folder = fixture.Make($"shape{shape}", 5, Shapes[shape]);
        var requests = Enumerable.Range(0, 64).Select(i => Request($"g{i / 8}/{i}", Prompt(20 + (5 * (i / 8)), (ulong)(i / 8)), max: 24, key: i, group: $"g{i / 8}")).ToArray();
        var wanted = await Run(folder, Deterministic with { MaxBatch = 64, Workers = 1 }, requests);
        foreach (var (batch, workers, seed) in new[] { (1, 1, 0), (16, 1, 1), (16, 2, 2), (32, 2, 3), (64, 3, 4) })
        {
            var order = seed == 0 ? Enumerable.Range(0, 64).ToArray() : ChanceKey.Root((ulong)seed).Stream().Permutation(64);
            var results = await Run(folder, Deterministic with { MaxBatch = batch, Workers = workers }, [.. order.Select(i => requests[i])]);
            for (var i = 0; i < 64; i++)
            {
                Same(results[i], wanted[order[i]]);
            }
        }
    }

    [Fact]
    public async Task Eviction_prefill_and_forks_change_no_bit()
    {
        var folder = fixture.Make("evicted", 5, Shapes[0]);
        await using var engine = await fixture.StartAsync(Deterministic, folder: folder);
        var prompt = Prompt(33);
        var first = await engine.GenerateAsync(Request("s", prompt, max: 40, key: 1), None);
        var second = await engine.GenerateAsync(Request("s", Prompt(7, 2), offset: 73, max: 20, key: 1), None);
        int[] context = [.. prompt, .. first.Tokens, .. Prompt(7, 2)];

        // Everything at once, from a fresh engine among strangers.
        await using var other = await fixture.StartAsync(Deterministic, folder: folder);
        var strangers = Enumerable.Range(0, 37).Select(i => other.GenerateAsync(Request($"x{i}", Prompt(40 + i, 77), max: 30, key: 100 + i), None)).ToArray();
        var replayed = await other.GenerateAsync(Request("s", context, max: 20, key: 1), None);
        replayed.Tokens.ShouldBe(second.Tokens);
        replayed.LogProbs.ShouldBe(second.LogProbs);
        await Task.WhenAll(strangers);

        // A fork of the first turn goes on with the source's key as the source did.
        var fork = await other.GenerateAsync(Request("s/b50r0", [], offset: 50, max: 23, key: 1, forkOf: "s"), None);
        fork.PrefilledTokens.ShouldBe(0);
        fork.Tokens.ShouldBe(first.Tokens[17..]);
        fork.LogProbs.ShouldBe(first.LogProbs[17..]);
    }

    [Fact]
    public async Task A_session_evicted_under_pressure_comes_back_the_same_and_its_caller_sees_nothing()
    {
        // 1 MiB holds few pages of this shape: sessions push each other out.
        var folder = fixture.Make("pressed", 5, Shapes[0]);
        await using var roomy = await fixture.StartAsync(Deterministic, folder: folder);
        await using var tight = await fixture.StartAsync(Deterministic with { KvMebibytes = 1 }, folder: folder);
        for (var i = 0; i < 8; i++)
        {
            var prompt = Prompt(40, (ulong)i);
            var first = await tight.GenerateAsync(Request($"s{i}", prompt, max: 20, key: i), None);
            Same(first, await roomy.GenerateAsync(Request($"s{i}", prompt, max: 20, key: i), None));
        }

        for (var i = 0; i < 8; i++)
        {
            var more = Request($"s{i}", [1, 2, 3], offset: 60, max: 20, key: i);
            var wanted = await roomy.GenerateAsync(more, None);
            Same(await tight.GenerateAsync(more, None), wanted);
            tight.Status.KvBytes.ShouldBeLessThanOrEqualTo(1 << 20);
        }

        tight.Status.Evictions.ShouldBeGreaterThan(0);
        tight.Status.RefilledTokens.ShouldBeInRange(59, 8 * 59);
        roomy.Status.RefilledTokens.ShouldBe(0);
    }

    private static void Same(GenerateResult result, GenerateResult wanted)
    {
        result.Status.ShouldBe(GenerateStatus.Done, result.Error);
        result.Tokens.ShouldBe(wanted.Tokens);
        result.LogProbs.ShouldBe(wanted.LogProbs);
        result.Entropies.ShouldBe(wanted.Entropies);
    }

    private async Task<GenerateResult[]> Run(string folder, EngineOptions options, GenerateRequest[] requests)
    {
        await using var engine = await fixture.StartAsync(options, folder: folder);
        return await Task.WhenAll(requests.Select(r => engine.GenerateAsync(r, None)));
    }
}
