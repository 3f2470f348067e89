using System.Collections.Concurrent;
using System.Security.Cryptography;
using Axpo.Core;
using Axpo.Environments.Suites.Pictures;
using Axpo.Imaging;

namespace Axpo.Bench;

/// <summary>Pictures of <c>find-digit</c>, and parts of them, as files in memory.</summary>
internal sealed class VisionPictures : IImageStore
{
    private readonly ConcurrentDictionary<string, byte[]> _files = new(StringComparer.Ordinal);

    /// <summary>Files of drawings.</summary>
    /// <param name="horizon">Zooms that they need: decides how large they are.</param>
    /// <param name="seed">Another one gives other drawings.</param>
    /// <param name="count">Drawings.</param>
    public static IEnumerable<ReadOnlyMemory<byte>> Draw(int horizon, int seed, int count)
    {
        var suite = new FindDigitSuite(horizon, horizon);
        return suite.Draw(Split.Train, ChanceKey.Root((ulong)seed).With("pictures"), count).Select(q => suite.Render(q.Images[0][$"suite:{suite.Name}/".Length..]));
    }

    /// <summary>Parts of a picture, each another one: what a zoom shows.</summary>
    public static IEnumerable<ReadOnlyMemory<byte>> Zooms(ReadOnlyMemory<byte> file, int seed, int count)
    {
        var picture = PictureDecoder.Decode(file.Span);
        var chance = ChanceKey.Root((ulong)seed).With("zooms").Stream();
        for (var i = 0; i < count; i++)
        {
            var side = Math.Min(picture.Width, picture.Height) / 4;
            var part = picture.Crop(chance.Next(picture.Width - side), chance.Next(picture.Height - side), side, side);
            yield return PictureEncoder.Png(part);
        }
    }

    /// <summary>Stores files.</summary>
    public ImageRef[] Put(IEnumerable<ReadOnlyMemory<byte>> files) => [.. files.Select(Put)];

    /// <summary>Stores a file.</summary>
    public ImageRef Put(ReadOnlyMemory<byte> file)
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(file.Span));
        _files[hash] = file.ToArray();
        var (width, height) = PictureDecoder.Size(file.Span);
        return new ImageRef(hash, hash, width, height);
    }

    /// <inheritdoc/>
    public ValueTask<ImageRef> PutAsync(string run, ReadOnlyMemory<byte> file, CancellationToken cancellationToken) => ValueTask.FromResult(Put(file));

    /// <inheritdoc/>
    public ValueTask<ReadOnlyMemory<byte>> ReadAsync(ImageRef image, CancellationToken cancellationToken) => ValueTask.FromResult<ReadOnlyMemory<byte>>(_files[image.Sha256]);
}
