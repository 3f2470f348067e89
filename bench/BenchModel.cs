using Axpo.Core;
using Axpo.Training.Generation;
using Axpo.Training.Models;
using Axpo.Training.Native;
using Axpo.Training.Safetensors;
using Microsoft.Extensions.Logging.Abstractions;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Bench;

/// <summary>A model folder with random weights, gone when disposed.</summary>
internal sealed class BenchModel : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("axpo-bench-").FullName;

    /// <param name="shape">Shape.</param>
    /// <param name="spread">Factor on the embedding, which is the head too: 10 makes distributions as peaked as a trained policy's.</param>
    public BenchModel(DecoderConfig shape, double spread = 10)
    {
        (Shape, Folder) = (shape, Path.Combine(_root, "model"));
        using var decoder = Decoder.Create(shape, 1);
        using (no_grad())
        {
            decoder.Parameters[0].Value.MultiplyBy(spread);
        }

        Parameters = decoder.Parameters.Sum(p => p.Value.numel());
        decoder.Save(Folder);
        Sha256 = ModelWeights.Sha256(Folder);
    }

    public DecoderConfig Shape { get; }

    public string Folder { get; }

    public string Sha256 { get; }

    /// <summary>Weights, the embedding included.</summary>
    public long Parameters { get; }

    /// <summary>Weights that every token is multiplied with: without the embedding, which is looked up, and as head only used where a token is sampled.</summary>
    public long LayerParameters => Parameters - ((long)Shape.VocabSize * Shape.HiddenSize);

    /// <summary>Starts an engine on it.</summary>
    public Task<PolicyEngine> StartAsync(EngineOptions options) => StartAsync(Folder, options);

    /// <summary>Starts an engine on a model folder.</summary>
    public static Task<PolicyEngine> StartAsync(string folder, EngineOptions options) => PolicyEngine.StartAsync(folder, options, TimeProvider.System, NullLogger<PolicyEngine>.Instance);

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_root, recursive: true);
}
