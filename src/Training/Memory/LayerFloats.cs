using Axpo.Training.Models;

namespace Axpo.Training.Memory;

/// <summary>Numbers that a decoder layer makes of a token.</summary>
internal static class LayerFloats
{
    /// <summary>Kept by <see cref="LayerTape"/>, one of its tensors after the other, the input of the layer included.</summary>
    public static long Taped(DecoderConfig c)
    {
        var (query, key) = (Query(c), Key(c));
        long norms = 1 + 1 + c.Heads + c.KvHeads;
        return (4L * c.HiddenSize) + (3 * query) + (3 * key) + (3L * c.IntermediateSize) + norms + c.Heads;
    }

    /// <summary>Made and given back on the way back through a layer: gradients of the SwiGLU's input, of the norms' outputs, of q, k and v.</summary>
    public static long Returned(DecoderConfig c) => (2L * c.HiddenSize) + (3 * Query(c)) + (2 * Key(c)) + c.IntermediateSize;

    /// <summary>Kept by autograd for the composite layer (<see cref="Decoder.Block"/>), in the precision of the pass: inputs of norms and products, what attention and the SwiGLU multiply.</summary>
    public static long Recorded(DecoderConfig c) => (4L * c.HiddenSize) + ((c.QkNorm ? 5 : 3) * Query(c)) + ((c.QkNorm ? 4 : 2) * Key(c)) + (4L * c.IntermediateSize);

    /// <summary>Of <see cref="Recorded"/> in a lower precision: rows of the norms that stay float32.</summary>
    public static long RecordedInFloat32(DecoderConfig c) => (4L * c.HiddenSize) + (c.QkNorm ? 2 * (Query(c) + Key(c)) : 0);

    private static long Query(DecoderConfig c) => (long)c.Heads * c.HeadDim;

    private static long Key(DecoderConfig c) => (long)c.KvHeads * c.HeadDim;
}
