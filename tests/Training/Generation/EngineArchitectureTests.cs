using System.Globalization;
using Axpo.Core;
using Axpo.Training.Generation;
using Axpo.Training.Models;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Generation;

/// <summary>The engine's incremental path (pages, chunked prefill, forks) on every architecture against Hugging Face's own greedy continuations and log-probs.</summary>
[Trait("Category", "Parity")]
[Trait("Family", "models")]
public sealed class EngineArchitectureTests
{
    private static string Family => Path.Combine(Fixtures.Root, "models");

    public static TheoryData<string> Folders => [.. Directory.Exists(Family)
        ? Directory.EnumerateDirectories(Family).Where(Supported).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal).DefaultIfEmpty("(none)")
        : ["(none)"]];

    [Theory]
    [MemberData(nameof(Folders))]
    public async Task Greedy_tokens_and_their_log_probs(string name)
    {
        var folder = Path.Combine(Family, name);
        Assert.SkipUnless(Directory.Exists(folder), "no models in AXPO_FIXTURES");
        using var scope = NewDisposeScope();
        var cases = Fixtures.Tensors(Path.Combine(folder, "cases.safetensors"));
        await using var engine = await PolicyEngine.StartAsync(folder, new EngineOptions { KvMebibytes = 64, Workers = 2 }, TimeProvider.System, NullLogger<PolicyEngine>.Instance, cancellationToken: TestContext.Current.CancellationToken);
        var rows = Enumerable.Range(0, 100).TakeWhile(r => cases.ContainsKey(Key(r, "greedy"))).ToList();
        rows.ShouldNotBeEmpty();
        await Task.WhenAll(rows.Select(async row =>
        {
            var (prompt, greedy) = (Ints(cases[Key(row, "input_ids")]), Ints(cases[Key(row, "greedy")]));
            var logProbs = cases[Key(row, "greedy_logprobs")].flatten().data<float>().ToArray();
            var sampled = await Generate(ParityRequest.New($"greedy/{row}", prompt, greedy.Length) with { Sampling = new SamplingOptions { Temperature = 0 } });
            sampled.Tokens.ShouldBe(greedy);

            // The same tokens, forced, under the distribution itself.
            var forced = await Generate(ParityRequest.New($"forced/{row}", prompt, greedy.Length) with { Forced = greedy });
            Near(forced.LogProbs, logProbs);

            // A fork in the middle of the continuation, which computes none of what comes before it.
            var boundary = prompt.Length + (greedy.Length / 2);
            var fork = await Generate(ParityRequest.New($"fork/{row}", [], greedy.Length - (greedy.Length / 2)) with { ForkOf = $"forced/{row}", Offset = boundary, Forced = greedy[(greedy.Length / 2)..] });
            Near(fork.LogProbs, logProbs[(greedy.Length / 2)..]);
        }));

        async Task<GenerateResult> Generate(GenerateRequest request)
        {
            var result = await engine.GenerateAsync(request, TestContext.Current.CancellationToken);
            result.Status.ShouldBe(GenerateStatus.Done, result.Error);
            return result;
        }
    }

    private static void Near(float[] got, float[] want)
    {
        got.Length.ShouldBe(want.Length);
        foreach (var (a, b) in got.Zip(want))
        {
            a.ShouldBe(b, 1e-4f);
        }
    }

    private static bool Supported(string folder)
    {
        var config = Path.Combine(folder, "config.json");
        return File.Exists(config) && File.Exists(Path.Combine(folder, "cases.safetensors")) && Fixtures.Json(config) is var json && !json.ContainsKey("vision_config") && DecoderConfig.SupportedModelTypes.Contains(json["model_type"]!.GetValue<string>());
    }

    private static string Key(int row, string what) => string.Create(CultureInfo.InvariantCulture, $"rows.{row}.{what}");

    private static int[] Ints(Tensor tensor) => [.. tensor.flatten().to(ScalarType.Int64).data<long>().Select(i => (int)i)];
}
