using System.Collections.Concurrent;
using System.Security.Cryptography;
using Axpo.Imaging;

namespace Axpo.Silo.Storage;

/// <summary>Image files beside a run's trajectories, each once, under the hash of its bytes. Several silos may store the same one at once.</summary>
/// <param name="folders">Where runs are.</param>
public sealed class FileImageStore(RunFolders folders) : IImageStore
{
    // Images whose files are known to be there: of the newest, so that what a group stores again costs a hash.
    private const int Remembered = 4096;

    private readonly ConcurrentDictionary<string, ImageRef> _known = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public async ValueTask<ImageRef> PutAsync(string run, ReadOnlyMemory<byte> file, CancellationToken cancellationToken)
    {
        RunFolders.CheckName(run);
        var (hash, format) = await Task.Run(() => (Convert.ToHexStringLower(SHA256.HashData(file.Span)), PictureDecoder.Format(file.Span)), cancellationToken);
        var uri = $"{run}/{RunFolders.ImagesName}/{hash}.{format}";
        if (_known.TryGetValue(uri, out var known))
        {
            return known;
        }

        // Decoded whole: what an engine cannot read shall not be in a trajectory.
        var picture = await Task.Run(() => PictureDecoder.Decode(file.Span), cancellationToken);
        var path = PathOf(uri);
        if (!File.Exists(path))
        {
            await AtomicFile.WriteAsync(path, file, cancellationToken);
        }

        if (_known.Count >= Remembered)
        {
            _known.Clear();
        }

        return _known[uri] = new ImageRef(uri, hash, picture.Width, picture.Height);
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">Its place is none of this store.</exception>
    public async ValueTask<ReadOnlyMemory<byte>> ReadAsync(ImageRef image, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(image);
        var path = PathOf(image.Uri);
        byte[] file;
        try
        {
            file = await File.ReadAllBytesAsync(path, cancellationToken);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new KeyNotFoundException($"image {image.Uri} is not stored in {folders.Root}", e);
        }

        return Convert.ToHexStringLower(SHA256.HashData(file)) == image.Sha256
            ? file
            : throw new InvalidDataException($"image {image.Uri} does not have the hash that it was stored with; the file was changed by another program");
    }

    /// <summary>Copies an image of another store of runs, at the same place.</summary>
    internal void CopyFrom(RunFolders other, ImageRef image)
    {
        var (from, to) = (new FileImageStore(other).PathOf(image.Uri), PathOf(image.Uri));
        if (!File.Exists(to))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            File.Copy(from, to);
        }
    }

    /// <summary>The file of a place, which comes from a message or a trajectory: run, folder of images, a hash and a format, and nothing else.</summary>
    private string PathOf(string uri)
    {
        var parts = uri.Split('/');
        var name = parts.Length == 3 ? parts[2].Split('.') : [];
        if (name.Length != 2 || parts[1] != RunFolders.ImagesName || name[0].Length != 64 || !name[0].All(char.IsAsciiHexDigitLower) || name[1].Length is 0 or > 4 || !name[1].All(char.IsAsciiLetterLower))
        {
            throw new ArgumentException($"image: '{uri}' is no place of a stored image; RUN/{RunFolders.ImagesName}/SHA256.FORMAT is", nameof(uri));
        }

        return Path.Combine(folders.Images(parts[0]), parts[2]);
    }
}
