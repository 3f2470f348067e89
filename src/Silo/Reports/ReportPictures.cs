using Axpo.Imaging;

namespace Axpo.Silo.Reports;

/// <summary>An image as it stands on the page, made small.</summary>
/// <param name="Png">A PNG file.</param>
/// <param name="Width">Its pixels a row.</param>
/// <param name="Height">Its rows.</param>
public sealed record ReportPicture(ReadOnlyMemory<byte> Png, int Width, int Height)
{
    /// <summary>Longest side, pixels.</summary>
    public const int MostSide = 256;

    /// <summary>An image file made small; a smaller one stays as it is, turned upright.</summary>
    /// <exception cref="InvalidDataException">It is no picture, damaged, or larger than is decoded.</exception>
    /// <exception cref="NotSupportedException">It is a picture that is not decoded.</exception>
    public static ReportPicture Of(ReadOnlySpan<byte> file)
    {
        var picture = PictureDecoder.Decode(file);
        var scale = Math.Min(1, MostSide / (double)Math.Max(picture.Width, picture.Height));
        var small = PillowResize.Bicubic(picture, Side(picture.Width), Side(picture.Height));
        return new ReportPicture(PictureEncoder.Png(small), small.Width, small.Height);

        int Side(int side) => Math.Max(1, (int)Math.Round(side * scale));
    }
}

/// <summary>Makes the pictures of a page, in the order in which they are shown, up to a number and a size.</summary>
/// <param name="images">Where images are stored.</param>
/// <param name="most">Most pictures.</param>
/// <param name="mostBytes">Most bytes of their files in all; on the page they take a third more.</param>
public sealed class ReportPictures(IImageStore images, int most = ReportPictures.Most, int mostBytes = ReportPictures.MostBytes)
{
    /// <summary>Most pictures of a page unless told otherwise.</summary>
    public const int Most = 64;

    /// <summary>Most bytes of their files unless told otherwise.</summary>
    public const int MostBytes = 3 << 20;

    /// <summary>Makes them; those of the questions first.</summary>
    /// <param name="samples">Groups whose trajectories are shown.</param>
    /// <param name="notes">Is told what is not shown and why.</param>
    /// <param name="cancellationToken">Ends between two images.</param>
    /// <returns>Pictures by the hash of their images.</returns>
    public async Task<IReadOnlyDictionary<string, ReportPicture>> MakeAsync(IReadOnlyList<ReportGroup> samples, ICollection<string> notes, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(samples);
        ArgumentNullException.ThrowIfNull(notes);
        var drawn = Trajectories.Drawn(samples);
        ImageRef[] shown = [.. drawn.SelectMany(g => g.Images).Concat(drawn.SelectMany(Trajectories.Shown).SelectMany(r => r.Images)).DistinctBy(i => i.Sha256)];
        var made = new Dictionary<string, ReportPicture>(StringComparer.Ordinal);
        var (bytes, over) = (0L, 0);
        var unreadable = new List<string>();
        foreach (var image in shown)
        {
            if (over > 0 || made.Count >= most)
            {
                over++;
                continue;
            }

            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                var file = await images.ReadAsync(image, cancellationToken);
                var picture = await Task.Run(() => ReportPicture.Of(file.Span), cancellationToken);
                if (bytes + picture.Png.Length > mostBytes)
                {
                    over++;
                    continue;
                }

                bytes += picture.Png.Length;
                made.Add(image.Sha256, picture);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or KeyNotFoundException or InvalidDataException or NotSupportedException or ArgumentException)
            {
                unreadable.Add(image.Uri);
            }
        }

        if (over > 0)
        {
            notes.Add($"{Figures.Plural(over, "image")} of the trajectories {(over == 1 ? "is" : "are")} not shown: a page holds {Figures.Plural(most, "image")} and {Figures.Number(mostBytes / 1024.0)} KiB of them.");
        }

        if (unreadable.Count > 0)
        {
            notes.Add($"{Figures.Plural(unreadable.Count, "image")} of the trajectories could not be read, the first of them {Figures.Cut(unreadable[0], 200)}. Run the report where the run's folder is whole.");
        }

        return made;
    }
}
