using System.Globalization;
using System.Text;

namespace Axpo.Bench;

/// <summary>A line over numbered points as SVG, axes from zero.</summary>
internal static class LinePlot
{
    private const int Width = 720;
    private const int Height = 320;
    private const int Left = 64;
    private const int Bottom = 40;
    private const int Top = 36;
    private const int Right = 16;
    private const int Ticks = 5;

    /// <summary>Draws it.</summary>
    /// <param name="title">Above the picture.</param>
    /// <param name="x">Under the horizontal axis.</param>
    /// <param name="y">Beside the vertical axis.</param>
    /// <param name="values">Values of points 1, 2, ...</param>
    public static string Svg(string title, string x, string y, IReadOnlyList<double> values)
    {
        var top = NiceCeiling(values.Max());
        var svg = new StringBuilder();
        Line($"""<svg xmlns="http://www.w3.org/2000/svg" width="{Width}" height="{Height}" viewBox="0 0 {Width} {Height}" font-family="sans-serif" font-size="12">""");
        Line($"""<rect width="{Width}" height="{Height}" fill="white"/>""");
        Line($"""<text x="{Left}" y="20" font-size="14">{title}</text>""");
        for (var i = 0; i <= Ticks; i++)
        {
            var (value, step) = (top * i / Ticks, values.Count * i / Ticks);
            Line($"""<line x1="{Left}" x2="{Width - Right}" y1="{Y(value):F1}" y2="{Y(value):F1}" stroke="#ddd"/>""");
            Line($"""<text x="{Left - 6}" y="{Y(value) + 4:F1}" text-anchor="end">{value:G4}</text>""");
            Line($"""<text x="{X(step):F1}" y="{Height - Bottom + 16}" text-anchor="middle">{step}</text>""");
        }

        Line($"""<polyline fill="none" stroke="#1f5fa8" stroke-width="1.5" points="{string.Join(' ', values.Select((v, i) => string.Create(CultureInfo.InvariantCulture, $"{X(i + 1):F1},{Y(v):F1}")))}"/>""");
        Line($"""<text x="{(Left + Width - Right) / 2}" y="{Height - 8}" text-anchor="middle">{x}</text>""");
        Line($"""<text transform="translate(14 {(Top + Height - Bottom) / 2}) rotate(-90)" text-anchor="middle">{y}</text>""");
        Line($"</svg>");
        return svg.ToString();

        void Line(FormattableString text) => svg.Append(text.ToString(CultureInfo.InvariantCulture)).Append('\n');

        double X(double point) => Left + (point / values.Count * (Width - Left - Right));

        double Y(double value) => Height - Bottom - (value / top * (Height - Bottom - Top));
    }

    private static double NiceCeiling(double value)
    {
        var unit = Math.Pow(10, Math.Floor(Math.Log10(value)));
        return Math.Ceiling(value / unit * 2) / 2 * unit;
    }
}
