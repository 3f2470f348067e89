using System.Text.Json;
using System.Text.Json.Nodes;
using Axpo.Training.Models.Architectures;
using Axpo.Training.Models.Lora;
using Axpo.Training.Models.Vision;

namespace Axpo.Training.Models;

/// <summary>Shape of a decoder, and the options in which the families differ.</summary>
public sealed record DecoderConfig
{
    /// <summary>Architectures that this decoder computes exactly.</summary>
    public static IReadOnlyList<string> SupportedModelTypes => KnownArchitectures.ModelTypes;

    /// <summary><c>model_type</c>.</summary>
    public string ModelType { get; init; } = "qwen3";

    /// <summary>Rows of the embedding.</summary>
    public required int VocabSize { get; init; }

    /// <summary>Width of the residual stream.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Layers.</summary>
    public required int Layers { get; init; }

    /// <summary>Query heads.</summary>
    public required int Heads { get; init; }

    /// <summary>Key and value heads; divides <see cref="Heads"/>.</summary>
    public required int KvHeads { get; init; }

    /// <summary>Width of a head.</summary>
    public required int HeadDim { get; init; }

    /// <summary>Width of the SwiGLU.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Added to the mean square in every norm.</summary>
    public double RmsNormEps { get; init; } = 1e-6;

    /// <summary>Base of the rotary frequencies.</summary>
    public double RopeTheta { get; init; } = 10_000;

    /// <summary>How long wavelengths are stretched; null: they are not.</summary>
    public RopeScaling? RopeScaling { get; init; }

    /// <summary>Whether queries and keys are normed per head before rope.</summary>
    public bool QkNorm { get; init; } = true;

    /// <summary>Whether the projections to queries, keys and values have biases.</summary>
    public bool QkvBias { get; init; }

    /// <summary>Whether the projection out of attention has a bias.</summary>
    public bool OutputBias { get; init; }

    /// <summary>Whether the SwiGLU's projections have biases.</summary>
    public bool MlpBias { get; init; }

    /// <summary>Whether the head is the embedding.</summary>
    public bool TieWordEmbeddings { get; init; } = true;

    /// <summary>Longest context.</summary>
    public int MaxPositions { get; init; } = 2048;

    /// <summary>Token that begins a text; null if there is none.</summary>
    public int? BosTokenId { get; init; }

    /// <summary>Token that ends a turn; null if there is none.</summary>
    public int? EosTokenId { get; init; }

    /// <summary>What it sees pictures with; null: it reads text only.</summary>
    public PictureConfig? Pictures { get; init; }

    /// <summary>Number of parameters, a vision tower's included; a tied head counts once.</summary>
    public long ParameterCount
    {
        get
        {
            long attention = (long)HiddenSize * HeadDim * ((2 * Heads) + (2 * KvHeads));
            long biases = (QkvBias ? (long)HeadDim * (Heads + (2 * KvHeads)) : 0) + (OutputBias ? HiddenSize : 0) + (MlpBias ? (2L * IntermediateSize) + HiddenSize : 0);
            long layer = attention + biases + (3L * HiddenSize * IntermediateSize) + (2L * HiddenSize) + (QkNorm ? 2L * HeadDim : 0);
            return ((TieWordEmbeddings ? 1L : 2L) * VocabSize * HiddenSize) + (Layers * layer) + HiddenSize + (Pictures?.Tower.ParameterCount ?? 0);
        }
    }

    /// <summary>Reads <c>config.json</c> of a model folder, or of the model that the adapter in a folder belongs to.</summary>
    /// <exception cref="FileNotFoundException">There is none.</exception>
    /// <exception cref="NotSupportedException">The architecture, or a field that would change the mathematics, is not supported; the message names it.</exception>
    /// <exception cref="InvalidDataException">A field is missing or has the wrong type.</exception>
    public static DecoderConfig FromFolder(string dir)
    {
        var path = Path.Combine(LoraShape.IsIn(dir) ? LoraShape.BaseOf(dir) : dir, "config.json");
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"model: '{dir}' holds no config.json; give a Hugging Face model folder", path);
        }

        var config = KnownArchitectures.Read(path, Parse(path));
        config.Check(path);
        return config;
    }

    /// <summary>The <c>config.json</c> that transformers reads.</summary>
    public JsonObject ToJson() => KnownArchitectures.Write(this);

    /// <summary>Whether weights of one fit the other, and mean the same.</summary>
    internal bool IsAlike(DecoderConfig other) => Plain(this) == Plain(other) && JsonSerializer.Serialize(Pictures) == JsonSerializer.Serialize(other.Pictures);

    private static DecoderConfig Plain(DecoderConfig config) => config with { MaxPositions = 1, BosTokenId = null, EosTokenId = null, Pictures = null };

    /// <summary>Refuses sides that do not fit each other.</summary>
    /// <param name="path">Name of the file, for messages.</param>
    /// <exception cref="InvalidDataException">They do not.</exception>
    internal void Check(string path)
    {
        if (Heads % KvHeads != 0)
        {
            throw new InvalidDataException($"{path}: num_key_value_heads {KvHeads} does not divide num_attention_heads {Heads}");
        }

        if (HeadDim % 2 != 0)
        {
            throw new InvalidDataException($"{path}: head_dim {HeadDim} is odd; rope turns halves of a head");
        }
    }

    /// <summary>The object that a file holds.</summary>
    /// <exception cref="InvalidDataException">It holds none.</exception>
    internal static JsonObject Parse(string path)
    {
        try
        {
            return JsonNode.Parse(File.ReadAllText(path)) as JsonObject ?? throw new InvalidDataException($"{path}: not a JSON object");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path}: not valid JSON ({e.Message})", e);
        }
    }
}
