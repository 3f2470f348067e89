using System.Text.Json.Serialization;

namespace Axpo.Training.Models.Inspection;

/// <summary>What a model folder says of itself, as far as it can be read.</summary>
public sealed record ModelInspection
{
    /// <summary>The folder.</summary>
    public required string Folder { get; init; }

    /// <summary>Whether a run would take it.</summary>
    public bool IsSupported => Refusals.Count == 0;

    /// <summary>Its architecture; null where config.json says none.</summary>
    public ArchitectureFacts? Architecture { get; init; }

    /// <summary>Its weights on the disk, those of the model below an adapter; null where there are none.</summary>
    public WeightFacts? Weights { get; init; }

    /// <summary>Its adapter; null: it is a model.</summary>
    public AdapterFacts? Adapter { get; init; }

    /// <summary>How it is talked to; null where tokenizer or template do not load.</summary>
    public ChatFacts? Chat { get; init; }

    /// <summary>Why a run would refuse it, everything that was found.</summary>
    public required IReadOnlyList<string> Refusals { get; init; }

    /// <summary>Its shape; null where it is refused.</summary>
    [JsonIgnore]
    public DecoderConfig? Config { get; init; }
}

/// <summary>An architecture. Of one that is refused, what its config.json says under the usual names; null: it does not say.</summary>
public sealed record ArchitectureFacts
{
    /// <summary><c>model_type</c>.</summary>
    public required string? ModelType { get; init; }

    /// <summary>Layers.</summary>
    public required int? Layers { get; init; }

    /// <summary>Width of the residual stream.</summary>
    public required int? HiddenSize { get; init; }

    /// <summary>Width of the SwiGLU.</summary>
    public required int? IntermediateSize { get; init; }

    /// <summary>Query heads.</summary>
    public required int? Heads { get; init; }

    /// <summary>Key and value heads.</summary>
    public required int? KvHeads { get; init; }

    /// <summary>Width of a head.</summary>
    public required int? HeadDim { get; init; }

    /// <summary>Rows of the embedding.</summary>
    public required int? VocabSize { get; init; }

    /// <summary>Whether the head is the embedding.</summary>
    public required bool? TiesHead { get; init; }

    /// <summary>Base of the rotary frequencies.</summary>
    public required double? RopeTheta { get; init; }

    /// <summary>How rope is scaled; null: it is not.</summary>
    public required string? RopeScaling { get; init; }

    /// <summary>Largest context, tokens.</summary>
    public required int? MaxPositions { get; init; }

    /// <summary>Parameters; null where the architecture is refused.</summary>
    public long? Parameters { get; init; }

    /// <summary>Parameters without embedding and head; null where the architecture is refused.</summary>
    public long? NonEmbeddingParameters { get; init; }
}

/// <summary>Weights on the disk.</summary>
/// <param name="Files">Files.</param>
/// <param name="Bytes">Bytes of them.</param>
/// <param name="Numbers">Numbers by their type, under safetensors' names (F32, BF16).</param>
public sealed record WeightFacts(int Files, long Bytes, IReadOnlyDictionary<string, long> Numbers);

/// <summary>A LoRA adapter.</summary>
/// <param name="Rank">Its rank.</param>
/// <param name="Alpha">Its weight times its rank.</param>
/// <param name="Targets">Projections that it adapts.</param>
/// <param name="Base">Model that it belongs to, as it says.</param>
/// <param name="Bytes">Bytes of its weights on the disk.</param>
public sealed record AdapterFacts(int Rank, double Alpha, IReadOnlyList<string> Targets, string Base, long Bytes);

/// <summary>How a model is talked to.</summary>
/// <param name="Vocabulary">Ids of the tokenizer, added tokens included.</param>
/// <param name="Template">Whose chat template: <c>folder</c>, or <c>axpo</c> for the shipped models' own.</param>
/// <param name="OffersTools">Whether the template offers tools; else Axpo's system prompt does.</param>
/// <param name="EndTokens">Tokens that end a generation.</param>
public sealed record ChatFacts(int Vocabulary, string Template, bool OffersTools, IReadOnlyList<EndToken> EndTokens);

/// <summary>A token that ends a generation.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Text">Its text.</param>
public sealed record EndToken(int Id, string Text);
