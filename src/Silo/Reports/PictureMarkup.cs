using System.Globalization;

namespace Axpo.Silo.Reports;

/// <summary>Draws the pictures of a page: each stands there once, as a <c>data:</c> URI, and is drawn wherever it was seen.</summary>
internal sealed class PictureMarkup(IReadOnlyDictionary<string, ReportPicture> pictures)
{
    // Crops of few pixels are drawn larger, by whole factors.
    private const int LeastSide = 96;

    private readonly Dictionary<string, int> _numbers = pictures.Keys.Order(StringComparer.Ordinal).Select((hash, i) => (hash, i)).ToDictionary(p => p.hash, p => p.i, StringComparer.Ordinal);

    /// <summary>The mark of an image in a text; its index is what a policy calls it by.</summary>
    public static string Mark(int index, ImageRef image) => $"[{Name(index, image)}]";

    /// <summary>All pictures, to be drawn elsewhere.</summary>
    public Markup Definitions() => pictures.Count == 0 ? Markup.Empty : Markup.Of($"""
        <svg class="pictures" width="0" height="0" aria-hidden="true"><defs>
        {pictures.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => Markup.Of($"""
            <image id="{Id(p.Key)}" width="{p.Value.Width}" height="{p.Value.Height}" href="data:image/png;base64,{Convert.ToBase64String(p.Value.Png.Span)}"/>

            """))}</defs></svg>
        """);

    /// <summary>An image.</summary>
    public Markup Draw(int index, ImageRef image) => Draw(Name(index, image), image, Markup.Empty);

    /// <summary>An image with the part that a zoom looked at.</summary>
    public Markup Draw(ZoomFrame zoom, ImageRef image)
    {
        if (!pictures.TryGetValue(image.Sha256, out var picture))
        {
            return Markup.Empty;
        }

        double x = zoom.X0 * picture.Width / ZoomFrame.Scale, y = zoom.Y0 * picture.Height / ZoomFrame.Scale;
        double width = (zoom.X1 - zoom.X0) * picture.Width / ZoomFrame.Scale, height = (zoom.Y1 - zoom.Y0) * picture.Height / ZoomFrame.Scale;
        return Draw($"zooms into image {Figures.Count(zoom.Image)}", image, Markup.Join(Frames.Select(frame => Markup.Of($"""<rect class="{frame}" x="{x}" y="{y}" width="{width}" height="{height}"/>"""))));
    }

    // A bright frame in a dark one is seen on any ground.
    private static string[] Frames { get; } = ["under", "over"];

    private static string Name(int index, ImageRef image) => string.Create(CultureInfo.InvariantCulture, $"image {index}, {image.Width} x {image.Height}");

    private Markup Draw(string name, ImageRef image, Markup over)
    {
        if (!pictures.TryGetValue(image.Sha256, out var picture))
        {
            return Markup.Of($"""<p class="shot">{name}: not shown</p>""");
        }

        var factor = Math.Max(1, LeastSide / Math.Max(picture.Width, picture.Height));
        return Markup.Of($"""
            <div class="shot"><svg class="{(factor > 1 ? "pixels" : "")}" role="img" aria-label="{name}" width="{picture.Width * factor}" viewBox="0 0 {picture.Width} {picture.Height}"><use href="#{Id(image.Sha256)}"/>{over}</svg><small>{name}</small></div>
            """);
    }

    private string Id(string hash) => string.Create(CultureInfo.InvariantCulture, $"picture-{_numbers[hash]}");
}
