using Axpo.Core;

namespace Axpo.Training.Pictures;

/// <summary>
/// Tokens that stand for images all have the same id; what a sequence begins with is compared by keys instead, in which they carry their image: -1, -2, ... A key that is not negative is a token. Thread-safe.
/// </summary>
internal sealed class PictureKeys
{
    private readonly Dictionary<UInt128, int> _keys = [];
    private readonly Lock _gate = new();

    /// <summary>Keys of a sequence's tokens.</summary>
    /// <param name="tokens">[n] ids; returned as they are where there are no images.</param>
    /// <param name="images">Images among them.</param>
    /// <param name="first">Where the first of the tokens stands, as the images count.</param>
    public int[] Of(int[] tokens, IReadOnlyList<PlacedImage> images, int first = 0)
    {
        if (images.Count == 0)
        {
            return tokens;
        }

        int[] keys = [.. tokens];
        foreach (var image in images)
        {
            keys.AsSpan(image.Start - first, image.Length).Fill(Of(image.Image.Sha256));
        }

        return keys;
    }

    private int Of(string sha256)
    {
        // Half of the hash tells pictures apart as well, and takes less room in an engine that sees many.
        var half = new UInt128(Convert.ToUInt64(sha256[..16], 16), Convert.ToUInt64(sha256[16..32], 16));
        lock (_gate)
        {
            return _keys.TryGetValue(half, out var key) ? key : _keys[half] = -1 - _keys.Count;
        }
    }
}
