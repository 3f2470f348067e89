using Axpo.Training.Models;

namespace Axpo.Training.Generation;

/// <summary>
/// Where things stand in a page of <see cref="PageTokens"/> tokens, in floats. Per layer and kv head: keys [headDim, 16] (transposed, so that a query
/// meets sixteen tokens at once), then per kv head: values [16, headDim]. After all layers: the final hidden states [16, hidden], so that a shared
/// prefix needs no recomputed token to sample from.
/// </summary>
internal sealed class KvLayout(DecoderConfig config)
{
    /// <summary>Tokens of a page.</summary>
    public const int PageTokens = 16;

    public int Layers { get; } = config.Layers;

    public int Heads { get; } = config.Heads;

    public int KvHeads { get; } = config.KvHeads;

    public int HeadDim { get; } = config.HeadDim;

    public int Hidden { get; } = config.HiddenSize;

    /// <summary>Floats of the hidden states' offset.</summary>
    public int HiddenOffset { get; } = config.Layers * 2 * config.KvHeads * config.HeadDim * PageTokens;

    /// <summary>Floats of a page.</summary>
    public int PageFloats => HiddenOffset + (PageTokens * Hidden);

    /// <summary>Bytes of a page.</summary>
    public long PageBytes => (long)PageFloats * sizeof(float);

    /// <summary>Bytes of a page's keys and values, which every token reads.</summary>
    public long PageKvBytes => (long)HiddenOffset * sizeof(float);

    /// <summary>Floats of one head's keys, or values, in a page.</summary>
    public int HeadFloats => HeadDim * PageTokens;

    public int Keys(int layer, int kvHead) => ((2 * layer * KvHeads) + kvHead) * HeadFloats;

    public int Values(int layer, int kvHead) => ((((2 * layer) + 1) * KvHeads) + kvHead) * HeadFloats;

    /// <summary>Pages for so many tokens.</summary>
    public static int Pages(int tokens) => (tokens + PageTokens - 1) / PageTokens;
}
