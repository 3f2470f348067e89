using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Security.Cryptography;

namespace Axpo.Testing;

/// <summary>Images in memory, shared by every silo of a test cluster. It reads sides from the headers of PNG files, decodes nothing, and takes no other format.</summary>
public sealed class MemoryImageStore : IImageStore
{
    private const int HeaderBytes = 24;
    private static readonly byte[] _signature = [0x89, (byte)'P', (byte)'N', (byte)'G', (byte)'\r', (byte)'\n', 0x1a, (byte)'\n'];

    private readonly ConcurrentDictionary<string, byte[]> _files = new(StringComparer.Ordinal);
    private int _puts;
    private int _reads;

    /// <summary>Thrown by every Put and Read while set.</summary>
    public Exception? Outage { get; set; }

    /// <summary>Images stored, each once a run.</summary>
    public int Count => _files.Count;

    /// <summary>Calls of Put, repetitions included.</summary>
    public int Puts => Volatile.Read(ref _puts);

    /// <summary>Calls of Read.</summary>
    public int Reads => Volatile.Read(ref _reads);

    /// <inheritdoc/>
    public ValueTask<ImageRef> PutAsync(string run, ReadOnlyMemory<byte> file, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _puts);
        if (Outage is { } outage)
        {
            return ValueTask.FromException<ImageRef>(outage);
        }

        var header = file.Span;
        if (header.Length < HeaderBytes || !header.StartsWith(_signature) || !header[12..16].SequenceEqual("IHDR"u8))
        {
            return ValueTask.FromException<ImageRef>(new InvalidDataException("image: no PNG file, and this store reads no other"));
        }

        var hash = Convert.ToHexStringLower(SHA256.HashData(file.Span));
        var image = new ImageRef($"{run}/images/{hash}.png", hash, BinaryPrimitives.ReadInt32BigEndian(header[16..]), BinaryPrimitives.ReadInt32BigEndian(header[20..]));
        _files.TryAdd(image.Uri, file.ToArray());
        return ValueTask.FromResult(image);
    }

    /// <inheritdoc/>
    public ValueTask<ReadOnlyMemory<byte>> ReadAsync(ImageRef image, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(image);
        Interlocked.Increment(ref _reads);
        return Outage is { } outage ? ValueTask.FromException<ReadOnlyMemory<byte>>(outage)
            : !_files.TryGetValue(image.Uri, out var file) ? ValueTask.FromException<ReadOnlyMemory<byte>>(new KeyNotFoundException($"image {image.Uri} is not stored"))
            : Convert.ToHexStringLower(SHA256.HashData(file)) != image.Sha256 ? ValueTask.FromException<ReadOnlyMemory<byte>>(new InvalidDataException($"image {image.Uri} does not have the hash {image.Sha256}"))
            : ValueTask.FromResult<ReadOnlyMemory<byte>>(file);
    }
}
