using Axpo.Core;
using Axpo.Imaging;
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
    /// <param name="pictures">How its pictures are prepared; null: it reads text only.</param>
    public BenchModel(DecoderConfig shape, double spread = 10, PictureProcessor? pictures = null)
    {
        (Shape, Folder) = (shape, Path.Combine(_root, "model"));
        using var decoder = Decoder.Create(shape, 1);
        using (no_grad())
        {
            decoder.Parameters.First(p => p.Name.EndsWith("embed_tokens.weight", StringComparison.Ordinal)).Value.MultiplyBy(spread);
        }

        Parameters = decoder.Parameters.Sum(p => p.Value.numel());
        decoder.Save(Folder);
        if (pictures is not null)
        {
            PictureProcessorFile.Write(Folder, pictures);
        }

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
    /// <param name="options">The engine.</param>
    /// <param name="images">Where the images of requests are; null: there are none.</param>
    public Task<PolicyEngine> StartAsync(EngineOptions options, IImageStore? images = null) => StartAsync(Folder, options, images);

    /// <summary>Starts an engine on a model folder.</summary>
    public static Task<PolicyEngine> StartAsync(string folder, EngineOptions options, IImageStore? images = null) =>
        PolicyEngine.StartAsync(folder, options, TimeProvider.System, NullLogger<PolicyEngine>.Instance, images: images);

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_root, recursive: true);
}
