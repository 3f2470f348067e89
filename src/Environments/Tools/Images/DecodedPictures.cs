using Axpo.Imaging;

namespace Axpo.Environments.Tools.Images;

/// <summary>
/// Decoded pictures by the hash of their files, shared by all sessions: one that many ask for at the same time is decoded once. What lies longest unused goes
/// first when they are more than the bytes admitted; a fault is not kept. Safe for many threads.
/// </summary>
/// <param name="bytes">Most bytes of pixels that are kept; a larger picture is decoded and not kept.</param>
internal sealed class DecodedPictures(long bytes)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, LinkedListNode<(string Key, Task<Picture> Picture, long Size)>> _known = new(StringComparer.Ordinal);
    private readonly LinkedList<(string Key, Task<Picture> Picture, long Size)> _byUse = new();
    private long _size;

    /// <summary>A picture.</summary>
    /// <param name="image">The image.</param>
    /// <param name="read">Reads its file, if it must be decoded; nobody's cancellation ends what others wait for.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public Task<Picture> GetAsync(ImageRef image, Func<ImageRef, Task<ReadOnlyMemory<byte>>> read, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_known.TryGetValue(image.Sha256, out var node))
            {
                _byUse.Remove(node);
                _byUse.AddLast(node);
                return node.Value.Picture.WaitAsync(cancellationToken);
            }

            var picture = Task.Run(async () => PictureDecoder.Decode((await read(image)).Span), CancellationToken.None);
            Keep(image, picture);
            return picture.WaitAsync(cancellationToken);
        }
    }

    private void Keep(ImageRef image, Task<Picture> picture)
    {
        var node = _byUse.AddLast((image.Sha256, picture, 3L * image.Width * image.Height));
        _known.Add(image.Sha256, node);
        _size += node.Value.Size;
        picture.GetAwaiter().OnCompleted(() =>
        {
            lock (_gate)
            {
                if (!picture.IsCompletedSuccessfully)
                {
                    _ = picture.Exception; // Whoever waits sees it; if nobody does any more, nobody is to.
                    Drop(node);
                }

                Trim();
            }
        });
    }

    /// <summary>What is being decoded stays: its bytes are taken anyway, and others may wait for it.</summary>
    private void Trim()
    {
        for (var node = _byUse.First; node is not null && _size > bytes;)
        {
            var next = node.Next;
            if (node.Value.Picture.IsCompleted)
            {
                Drop(node);
            }

            node = next;
        }
    }

    private void Drop(LinkedListNode<(string Key, Task<Picture> Picture, long Size)> node)
    {
        if (node.List is not null)
        {
            _byUse.Remove(node);
            _known.Remove(node.Value.Key);
            _size -= node.Value.Size;
        }
    }
}
