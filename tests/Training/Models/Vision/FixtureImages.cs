using System.Security.Cryptography;
using Axpo.Core;

namespace Axpo.Training.Tests.Models.Vision;

/// <summary>The pictures of a fixture as a store, which counts what is read.</summary>
internal sealed class FixtureImages(VisionFixture fixture) : IImageStore
{
    private readonly Dictionary<string, byte[]> _files = fixture.Pictures.ToDictionary(name => Hash(fixture.File(name)), fixture.File, StringComparer.Ordinal);
    private int _reads;

    /// <summary>Files read so far.</summary>
    public int Reads => Volatile.Read(ref _reads);

    /// <summary>Runs before a file is read.</summary>
    public Action? BeforeRead { get; set; }

    /// <summary>A picture of the fixture.</summary>
    public ImageRef Of(string name)
    {
        var picture = fixture.Picture(name);
        return new ImageRef(name, Hash(fixture.File(name)), picture.Width, picture.Height);
    }

    /// <summary>The pictures of a row in their places.</summary>
    public PlacedImage[] In(string row, int[] tokens) =>
        fixture.Placed([.. tokens.Select(t => (long)t)], new Queue<string>(fixture.Json["cases"]![row]!["images"]!.AsArray().Select(n => n!.GetValue<string>())), Of);

    public ValueTask<ImageRef> PutAsync(string run, ReadOnlyMemory<byte> file, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<ReadOnlyMemory<byte>> ReadAsync(ImageRef image, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _reads);
        BeforeRead?.Invoke();
        return ValueTask.FromResult<ReadOnlyMemory<byte>>(_files[image.Sha256]);
    }

    private static string Hash(byte[] file) => Convert.ToHexStringLower(SHA256.HashData(file));
}
