using System.Security.Cryptography;
using Axpo.Core;
using Axpo.Imaging;

namespace Axpo.Training.Sft;

/// <summary>The images of the traces that are trained on now, in memory. Not thread-safe for writing.</summary>
internal sealed class TraceImages : IImageStore
{
    private readonly Dictionary<string, ReadOnlyMemory<byte>> _files = new(StringComparer.Ordinal);

    /// <summary>Takes a file.</summary>
    /// <exception cref="InvalidDataException">It is no picture.</exception>
    public ImageRef Add(ReadOnlyMemory<byte> file)
    {
        var (width, height) = PictureDecoder.Size(file.Span);
        var hash = Convert.ToHexStringLower(SHA256.HashData(file.Span));
        _files[hash] = file;
        return new ImageRef(hash, hash, width, height);
    }

    /// <summary>Forgets all but those of some sequences.</summary>
    public void Keep(IEnumerable<EncodedPiece> pieces)
    {
        var kept = pieces.SelectMany(p => p.Images).Select(i => i.Image.Sha256).ToHashSet(StringComparer.Ordinal);
        foreach (var hash in _files.Keys.Where(h => !kept.Contains(h)).ToArray())
        {
            _files.Remove(hash);
        }
    }

    /// <inheritdoc/>
    public ValueTask<ImageRef> PutAsync(string run, ReadOnlyMemory<byte> file, CancellationToken cancellationToken) => ValueTask.FromResult(Add(file));

    /// <inheritdoc/>
    public ValueTask<ReadOnlyMemory<byte>> ReadAsync(ImageRef image, CancellationToken cancellationToken) => ValueTask.FromResult(_files[image.Sha256]);
}
