using Axpo.Core;
using Axpo.Training.Safetensors;
using static TorchSharp.torch;

namespace Axpo.Training.Models.Lora;

/// <summary>
/// A low-rank adapter of a decoder in PEFT's format: <c>adapter_config.json</c> and <c>adapter_model.safetensors</c> with <c>base_model.model.MODULE.lora_A.weight</c> [rank, in] and <c>lora_B.weight</c> [out, rank].
/// </summary>
public sealed class LoraAdapter : IDisposable
{
    private const string Prefix = "base_model.model.";

    private LoraAdapter(LoraShape shape, IReadOnlyList<LoraPair> pairs) => (Shape, Pairs) = (shape, pairs);

    /// <summary>Rank, weight and places.</summary>
    public LoraShape Shape { get; }

    /// <summary>Its weights under PEFT's names.</summary>
    public IReadOnlyList<(string Name, Tensor Value)> Parameters => [.. Pairs.SelectMany(p => new[] { ($"{Prefix}{p.Module}.lora_A.weight", p.A), ($"{Prefix}{p.Module}.lora_B.weight", p.B) })];

    /// <summary>One of each projection.</summary>
    internal IReadOnlyList<LoraPair> Pairs { get; }

    /// <summary>A fresh one that changes nothing yet: A uniform in +-1 / sqrt(in), as PEFT begins, from keyed noise; B 0.</summary>
    /// <param name="shape">Rank, weight and places.</param>
    /// <param name="config">Shape of the decoder.</param>
    /// <param name="seed">Key of the noise.</param>
    /// <param name="device">Where to.</param>
    public static LoraAdapter Create(LoraShape shape, DecoderConfig config, ulong seed, Device device) => Make(shape, config, (name, size) =>
    {
        if (name.EndsWith("lora_B.weight", StringComparison.Ordinal))
        {
            return zeros(size, device: device);
        }

        var key = ChanceKey.Root(seed).With("lora").With(name);
        var bound = 1 / Math.Sqrt(size[1]);
        return tensor([.. Enumerable.Range(0, (int)(size[0] * size[1])).Select(i => (float)(bound * ((2 * key.Uniform(0, (uint)i)) - 1)))], size).to(device);
    });

    /// <summary>Loads one, names and shapes checked strictly.</summary>
    /// <param name="folder">Folder of the adapter.</param>
    /// <param name="config">Shape of the decoder.</param>
    /// <param name="device">Where to.</param>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    /// <exception cref="InvalidDataException">Names or shapes do not fit, or a number is not finite.</exception>
    /// <exception cref="NotSupportedException">A field would change the mathematics and is not supported.</exception>
    public static LoraAdapter Load(string folder, DecoderConfig config, Device device)
    {
        var shape = LoraShape.FromFolder(folder);
        var expected = new Dictionary<string, long[]>(StringComparer.Ordinal);
        using (Make(shape, config, (name, size) => empty(expected[name] = size, device: META)))
        {
        }

        using var scope = NewDisposeScope();
        var tensors = ModelWeights.ReadAdapter(Path.Combine(folder, ModelWeights.AdapterName), expected);
        return Make(shape, config, (name, _) => tensors[name].to(ScalarType.Float32, device, copy: true));
    }

    /// <summary>Writes it into an existing folder.</summary>
    /// <exception cref="IOException">The weights' file exists.</exception>
    public void SaveInto(string folder)
    {
        File.WriteAllText(Path.Combine(folder, LoraShape.FileName), Shape.ToJson());
        SafetensorsFile.Write(Path.Combine(folder, ModelWeights.AdapterName), Parameters);
    }

    /// <summary>Another one, of other tensors.</summary>
    /// <param name="map">Tensor for each of this one's.</param>
    internal LoraAdapter Map(Func<Tensor, Tensor> map)
    {
        using var scope = NewDisposeScope();
        return new LoraAdapter(Shape, [.. Pairs.Select(p => p with { A = Own(map(p.A)), B = Own(map(p.B)) })]);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var pair in Pairs)
        {
            pair.A.Dispose();
            pair.B.Dispose();
        }
    }

    private static LoraAdapter Make(LoraShape shape, DecoderConfig config, Func<string, long[], Tensor> make)
    {
        using var scope = NewDisposeScope();
        var shapes = Decoder.Shapes(config);
        var pairs = new List<LoraPair>();
        foreach (var (name, size) in shapes.Where(s => shape.Targets.Any(t => s.Key.EndsWith($".{t}.weight", StringComparison.Ordinal))))
        {
            var module = name[..^".weight".Length];
            pairs.Add(new LoraPair(
                module,
                Own(make($"{Prefix}{module}.lora_A.weight", [shape.Rank, size[1]])),
                Own(make($"{Prefix}{module}.lora_B.weight", [size[0], shape.Rank])),
                shape.Alpha / shape.Rank));
        }

        return new LoraAdapter(shape, pairs);
    }

    private static Tensor Own(Tensor tensor)
    {
        tensor.MoveToOuterDisposeScope();
        return tensor.DetachFromDisposeScope();
    }
}
