namespace Axpo.Core;

/// <summary>Images by the hash of their files, each stored once. Implemented in Silo beside the trajectories.</summary>
public interface IImageStore
{
    /// <summary>Stores an image file, unless it is there; durable when the task completes.</summary>
    /// <param name="run">The run that it belongs to.</param>
    /// <param name="file">A PNG, JPEG, WebP, GIF or BMP file, whole.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="InvalidDataException">It is no picture, damaged, or larger than is decoded.</exception>
    ValueTask<ImageRef> PutAsync(string run, ReadOnlyMemory<byte> file, CancellationToken cancellationToken);

    /// <summary>Reads an image file.</summary>
    /// <exception cref="KeyNotFoundException">It is not stored; the message names it.</exception>
    /// <exception cref="InvalidDataException">The file has another hash than it was stored with.</exception>
    ValueTask<ReadOnlyMemory<byte>> ReadAsync(ImageRef image, CancellationToken cancellationToken);
}
