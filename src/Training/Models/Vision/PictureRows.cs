using Axpo.Training.Native;
using static TorchSharp.torch;

namespace Axpo.Training.Models.Vision;

/// <summary>Rows of a pass that stand for pictures, with what the tower made of those.</summary>
/// <param name="Rows">[m] int64, ascending.</param>
/// <param name="Features">Of the m rows.</param>
public sealed record PictureRows(Tensor Rows, VisionFeatures Features)
{
    /// <summary>Gathers what rows take.</summary>
    /// <param name="tokens">Of each row, in ascending order, the features of its picture and which token of the picture it is.</param>
    /// <param name="device">Where the pass is.</param>
    /// <returns>null: there are none.</returns>
    public static PictureRows? Of(IReadOnlyList<(int Row, VisionFeatures Features, int Token)> tokens, Device device)
    {
        if (tokens.Count == 0)
        {
            return null;
        }

        // Tokens of a picture that follow each other are one piece.
        var pieces = new List<(VisionFeatures Features, int Start, int Count)>();
        foreach (var (_, features, token) in tokens)
        {
            if (pieces.Count > 0 && pieces[^1] is var last && ReferenceEquals(last.Features, features) && last.Start + last.Count == token)
            {
                pieces[^1] = last with { Count = last.Count + 1 };
            }
            else
            {
                pieces.Add((features, token, 1));
            }
        }

        return new PictureRows(
            tensor(tokens.Select(t => (long)t.Row).ToArray()).to(device),
            new VisionFeatures(Gathered(f => f.Tokens), [.. Enumerable.Range(0, tokens[0].Features.Deepstack.Count).Select(i => Gathered(f => f.Deepstack[i]))]));

        Tensor Gathered(Func<VisionFeatures, Tensor> of) => cat([.. pieces.Select(p => of(p.Features).narrow(0, p.Start, p.Count))]);
    }

    /// <summary>Embeddings with the pictures in place of their tokens'.</summary>
    /// <param name="x">[n, hidden].</param>
    /// <returns>[n, hidden], new.</returns>
    public Tensor Embedded(Tensor x) => x.index_copy(0, Rows, Features.Tokens);

    /// <summary>What the layer behind takes: deepstack features are added behind the first layers.</summary>
    /// <param name="layer">The layer that gave x, from 0.</param>
    /// <param name="x">[n, hidden].</param>
    /// <returns>[n, hidden]; x itself where nothing is added.</returns>
    public Tensor Behind(int layer, Tensor x) => layer < Features.Deepstack.Count ? x.PlusRows(Rows, Features.Deepstack[layer]) : x;
}
