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

    // A decoded picture takes up to a quarter of a gigabyte; a step begins with the images of all its questions at once.
    private static readonly SemaphoreSlim _decoders = new(Math.Min(Environment.ProcessorCount, 8));

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
        var (width, height) = await SidesAsync(file, cancellationToken);
        var path = PathOf(uri);
        if (!File.Exists(path))
        {
            await AtomicFile.WriteAsync(path, file, cancellationToken);
        }

        if (_known.Count >= Remembered)
        {
            _known.Clear();
        }

        return _known[uri] = new ImageRef(uri, hash, width, height);
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">Its place is none of this store.</exception>
    public async ValueTask<ReadOnlyMemory<byte>> ReadAsync(ImageRef image, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(image);
        var path = PathOf(image.Uri);
        RefuseLinks(path);
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
    /// <exception cref="KeyNotFoundException">The other store does not have it.</exception>
    /// <exception cref="InvalidDataException">Its file there has another hash.</exception>
    public async Task CopyFromAsync(RunFolders other, ImageRef image, CancellationToken cancellationToken)
    {
        var path = PathOf(image.Uri);
        if (!File.Exists(path))
        {
            await AtomicFile.WriteAsync(path, await new FileImageStore(other).ReadAsync(image, cancellationToken), cancellationToken);
        }
    }

    private static async Task<(int Width, int Height)> SidesAsync(ReadOnlyMemory<byte> file, CancellationToken cancellationToken)
    {
        await _decoders.WaitAsync(cancellationToken);
        try
        {
            var picture = await Task.Run(() => PictureDecoder.Decode(file.Span), cancellationToken);
            return (picture.Width, picture.Height);
        }
        catch (NotSupportedException e)
        {
            throw new InvalidDataException(e.Message, e);
        }
        finally
        {
            _decoders.Release();
        }
    }

    /// <summary>The store writes no links: one would lead out of the folder of runs.</summary>
    private static void RefuseLinks(string path)
    {
        if (new FileInfo(path).LinkTarget is not null || new DirectoryInfo(Path.GetDirectoryName(path)!).LinkTarget is not null)
        {
            throw new InvalidDataException($"image {path} is a link, which the store did not write; put the file itself there");
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
