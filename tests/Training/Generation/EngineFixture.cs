using Axpo.Core;
using Axpo.Training.Devices;
using Axpo.Training.Generation;
using Axpo.Training.Models;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Generation;

/// <summary>Small random models in folders of their own, and requests for them.</summary>
public class EngineFixture : IDisposable
{
    public const int Vocabulary = 200;

    private readonly string _root = Directory.CreateTempSubdirectory("axpo-engine-").FullName;

    public EngineFixture()
    {
        Folder = Make("model", 1);
    }

    public static DecoderConfig Config { get; } = new()
    {
        VocabSize = Vocabulary,
        HiddenSize = 32,
        Layers = 2,
        Heads = 4,
        KvHeads = 2,
        HeadDim = 16,
        IntermediateSize = 88,
        MaxPositions = 512,
    };

    public string Folder { get; }

    /// <summary>Whether engines take the path of devices, on the processor.</summary>
    public virtual bool OnTensors => false;

    public static ChanceKey Key(int index) => ChanceKey.Root(11).With((ulong)index);

    /// <summary>A deterministic prompt.</summary>
    public static int[] Prompt(int length, ulong seed = 1)
    {
        var stream = ChanceKey.Root(seed).With("prompt").Stream();
        return [.. Enumerable.Range(0, length).Select(_ => stream.Next(Vocabulary))];
    }

    public static GenerateRequest Request(string session, int[] tokens, int offset = 0, int max = 12, int key = 0, string? group = null, string? forkOf = null, SamplingOptions? sampling = null, int[]? stops = null, DateTimeOffset? deadline = null) => new()
    {
        Session = session,
        Offset = offset,
        Tokens = tokens,
        Group = group,
        ForkOf = forkOf,
        Sampling = sampling ?? SamplingOptions.Training(),
        Chance = Key(key),
        MaxNewTokens = max,
        StopTokens = stops ?? [],
        Deadline = deadline,
    };

    /// <summary>Writes a random model; a spread embedding makes its distributions peaked, as trained ones are.</summary>
    public string Make(string name, ulong seed, DecoderConfig? config = null)
    {
        var folder = Path.Combine(_root, name);
        using var decoder = Decoder.Create(config ?? Config, seed);
        using (no_grad())
        {
            foreach (var (parameter, value) in decoder.Parameters)
            {
                if (parameter == "model.embed_tokens.weight")
                {
                    value.mul_(20);
                }
            }
        }

        decoder.Save(folder);
        return folder;
    }

    public static string Hash(string folder) => Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(Path.Combine(folder, "model.safetensors"))));

    public Task<PolicyEngine> StartAsync(EngineOptions? options = null, TimeProvider? time = null, string? folder = null) =>
        PolicyEngine.StartAsync(folder ?? Folder, options ?? new EngineOptions { KvMebibytes = 64 }, ComputeDevice.Cpu, OnTensors, time ?? TimeProvider.System, NullLogger<PolicyEngine>.Instance, layouts: null, images: null, CancellationToken.None);

    /// <summary>Log-probs of the sampled tokens as the learner computes them: the whole sequence in one pass.</summary>
    public static float[] WholeSequence(string folder, int[] context, int[] sampled, double temperature)
    {
        using var decoder = Decoder.Load(folder);
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        long[] all = [.. context.Concat(sampled).Select(t => (long)t)];
        var hidden = decoder.Forward(tensor(all), arange(all.Length, ScalarType.Int64), CausalAttention.Packed([all.Length], decoder.Config));
        var logProbs = nn.functional.log_softmax(decoder.Logits(hidden) / temperature, -1);
        return [.. sampled.Select((t, i) => logProbs[context.Length + i - 1, t].item<float>())];
    }

    public static void ShouldAgree(GenerateResult result, float[] learner)
    {
        result.LogProbs.Length.ShouldBe(learner.Length);
        for (var i = 0; i < learner.Length; i++)
        {
            Math.Abs(Math.Exp(learner[i] - result.LogProbs[i]) - 1).ShouldBeLessThan(1e-3, $"token {i}: engine {result.LogProbs[i]}, learner {learner[i]}");
        }
    }

    public void Dispose()
    {
        Directory.Delete(_root, recursive: true);
        GC.SuppressFinalize(this);
    }
}

/// <summary>Engines that compute a step as devices do.</summary>
public sealed class TensorEngineFixture : EngineFixture
{
    public override bool OnTensors => true;
}
