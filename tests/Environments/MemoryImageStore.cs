using System.Collections.Concurrent;
using System.Security.Cryptography;
using Axpo.Imaging;

namespace Axpo.Environments.Tests;

/// <summary>Images in memory.</summary>
internal sealed class MemoryImageStore : IImageStore
{
    private readonly ConcurrentDictionary<string, byte[]> _files = [];
    private int _reads;

    public int Reads => _reads;

    /// <summary>Runs that images were stored under.</summary>
    public ConcurrentBag<string> Runs { get; } = [];

    /// <summary>Waited for by each reading, if set.</summary>
    public Task Gate { get; set; } = Task.CompletedTask;

    /// <summary>Thrown by each reading, if set.</summary>
    public Exception? Fault { get; set; }

    public ReadOnlyMemory<byte> this[ImageRef image] => _files[image.Sha256];

    public ValueTask<ImageRef> PutAsync(string run, ReadOnlyMemory<byte> file, CancellationToken cancellationToken)
    {
        Runs.Add(run);
        var (picture, hash) = (PictureDecoder.Decode(file.Span), Convert.ToHexStringLower(SHA256.HashData(file.Span)));
        _files[hash] = file.ToArray();
        return ValueTask.FromResult(new ImageRef(run + "/" + hash, hash, picture.Width, picture.Height));
    }

    public async ValueTask<ReadOnlyMemory<byte>> ReadAsync(ImageRef image, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _reads);
        await Gate;
        return Fault is { } fault ? throw fault : _files.TryGetValue(image.Sha256, out var file) ? file : throw new KeyNotFoundException($"{image.Uri} is not stored");
    }
}
