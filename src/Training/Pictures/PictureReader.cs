using System.Globalization;
using Axpo.Core;
using Axpo.Imaging;
using Axpo.Training.Models;
using Axpo.Training.Models.Vision;

namespace Axpo.Training.Pictures;

/// <summary>
/// Turns stored images into the patches that a model's tower takes. What was read last is kept within a budget, so that a picture that a whole group shares is read, decoded and cut once. Thread-safe; it reads files and waits
/// for them, so it belongs on threads of engine and learner.
/// </summary>
public sealed class PictureReader
{
    private readonly IImageStore _images;
    private readonly PictureProcessor _processor;
    private readonly long _budget;
    private readonly Dictionary<string, LinkedListNode<Entry>> _kept = new(StringComparer.Ordinal);
    private readonly LinkedList<Entry> _order = new();
    private readonly Dictionary<string, Task<PicturePatches>> _reading = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();
    private long _bytes;

    /// <summary>Creates a reader.</summary>
    /// <param name="images">Where the files are.</param>
    /// <param name="processor">How the model has them prepared.</param>
    /// <param name="budgetBytes">Most bytes of patches that are kept.</param>
    public PictureReader(IImageStore images, PictureProcessor processor, long budgetBytes) => (_images, _processor, _budget) = (images, processor, budgetBytes);

    /// <summary>Bytes of patches that are kept.</summary>
    public long Bytes
    {
        get
        {
            lock (_gate)
            {
                return _bytes;
            }
        }
    }

    /// <summary>The reader of a model's folder; null: the model reads text only.</summary>
    /// <param name="folder">A model folder, or an adapter's.</param>
    /// <param name="images">Where image files are; null: nowhere, which a model that sees can do nothing with.</param>
    /// <param name="budgetBytes">Most bytes of patches that are kept.</param>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    /// <exception cref="InvalidDataException">A file of the folder is damaged, or meant for another tower.</exception>
    /// <exception cref="NotSupportedException">The folder asks for what is not supported.</exception>
    public static PictureReader? Of(string folder, IImageStore? images, long budgetBytes) =>
        images is null || DecoderConfig.FromFolder(folder).Pictures is not { } pictures ? null : new PictureReader(images, PictureProcessors.Read(CompanionFiles.FolderOf(folder), pictures.Tower), budgetBytes);

    /// <summary>Rows and columns of the tokens that stand for an image.</summary>
    /// <exception cref="InvalidDataException">Its sides cannot be cut into patches.</exception>
    public (int Rows, int Columns) Tokens(ImageRef image)
    {
        ArgumentNullException.ThrowIfNull(image);
        var grid = _processor.Grid(image.Width, image.Height);
        return (grid.Height / _processor.MergeSize, grid.Width / _processor.MergeSize);
    }

    /// <summary>The patches of an image.</summary>
    /// <exception cref="IOException">Its file cannot be read.</exception>
    /// <exception cref="InvalidDataException">Its file is damaged, or not of the size that was said.</exception>
    /// <exception cref="KeyNotFoundException">It is not stored.</exception>
    public Task<PicturePatches> ReadAsync(ImageRef image, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(image);
        lock (_gate)
        {
            if (_kept.TryGetValue(image.Sha256, out var known))
            {
                _order.Remove(known);
                _order.AddLast(known);
                return Task.FromResult(known.Value.Patches);
            }

            // Whoever asks meanwhile waits for the same; nobody's cancellation ends what others wait for.
            if (!_reading.TryGetValue(image.Sha256, out var reading))
            {
                _reading[image.Sha256] = reading = Task.Run(() => MakeAsync(image), CancellationToken.None);
            }

            return reading.WaitAsync(cancellationToken);
        }
    }

    /// <summary>The same for threads that wait.</summary>
    public PicturePatches Read(ImageRef image) => ReadAsync(image, CancellationToken.None).GetAwaiter().GetResult();

    private async Task<PicturePatches> MakeAsync(ImageRef image)
    {
        try
        {
            var file = await _images.ReadAsync(image, CancellationToken.None);
            var picture = PictureDecoder.Decode(file.Span);
            if ((picture.Width, picture.Height) != (image.Width, image.Height))
            {
                throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"image {image.Sha256}: its file has {picture.Width} x {picture.Height} pixels, {image.Width} x {image.Height} were said"));
            }

            var patches = _processor.Process(picture);
            Keep(image.Sha256, patches);
            return patches;
        }
        finally
        {
            lock (_gate)
            {
                _reading.Remove(image.Sha256);
            }
        }
    }

    private void Keep(string sha256, PicturePatches patches)
    {
        var entry = new Entry(sha256, patches, sizeof(float) * patches.Values.LongLength);
        lock (_gate)
        {
            if (entry.Bytes > _budget || _kept.ContainsKey(sha256))
            {
                return;
            }

            _kept[sha256] = _order.AddLast(entry);
            _bytes += entry.Bytes;
            while (_bytes > _budget)
            {
                var oldest = _order.First!.Value;
                _order.RemoveFirst();
                _kept.Remove(oldest.Sha256);
                _bytes -= oldest.Bytes;
            }
        }
    }

    private sealed record Entry(string Sha256, PicturePatches Patches, long Bytes);
}
