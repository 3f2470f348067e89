namespace Axpo.Silo.Reports.Charts;

/// <summary>A chart as an SVG file of its own.</summary>
internal static class ChartFile
{
    private const double LineHeight = 18;
    private const double Character = 7;

    private static readonly Markup _style = new("""

        svg{color-scheme:light dark;background:#fff;--ink:#16202e;--soft:#566275;--grid:#e8ecf1;--zero:#aab4c0;--card:#fff;
          --c1:#2563eb;--c2:#d9640a;--c3:#0b8f63;--c4:#8b3fd9;--c5:#7a8699;--c6:#b4235f;--c7:#7a6a00;--c8:#0f7c8f}
        @media (prefers-color-scheme:dark){svg{background:#171e28;--ink:#e6ebf2;--soft:#9aa7b8;--grid:#232c38;--zero:#4d5a6b;--card:#171e28;
          --c1:#6ea3ff;--c2:#ff9b4a;--c3:#3ecf9a;--c4:#c08cff;--c5:#8d99aa;--c6:#ff7fae;--c7:#d6c04a;--c8:#58c6da}}
        text{font:12px system-ui,"Segoe UI",Roboto,"Liberation Sans",Arial,sans-serif;fill:var(--soft)}
        .title{font-size:14px;font-weight:600;fill:var(--ink)}
        .c1{color:var(--c1)}.c2{color:var(--c2)}.c3{color:var(--c3)}.c4{color:var(--c4)}.c5{color:var(--c5)}.c6{color:var(--c6)}.c7{color:var(--c7)}.c8{color:var(--c8)}
        .grid{stroke:var(--grid);stroke-width:1;fill:none}.grid.zero,.grid.mark{stroke:var(--zero)}
        .line{fill:none;stroke:currentColor;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}.dashed{stroke-dasharray:4 4;stroke-linecap:butt}.key,circle{fill:currentColor}
        .band{fill:currentColor;opacity:.14}

        """);

    /// <summary>Writes the file.</summary>
    public static string Write(Chart chart)
    {
        Series[] series = [.. chart.Series.Where(s => s.HasValues)];
        var (x, y) = (4.0, 16 + LineHeight);
        var legend = new List<Markup>();
        foreach (var s in series)
        {
            var width = 24 + (s.Name.Length * Character) + 12;
            if (x > 4 && x + width > ChartView.Width)
            {
                (x, y) = (4, y + LineHeight);
            }

            var key = s.Stroke == Stroke.Dashed
                ? Markup.Of($"""<path class="line dashed c{s.Colour}" d="M{x} {y - 4}h16"/>""")
                : Markup.Of($"""<rect class="key c{s.Colour}" x="{x}" y="{y - 6}" width="16" height="4" rx="2"/>""");
            legend.Add(Markup.Of($"""{key}<text x="{x + 22}" y="{y}">{s.Name}</text>"""));
            x += width;
        }

        return Markup.Of($"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {ChartView.Width} {y + 6 + ChartView.Height}" role="img" aria-label="{chart.Title} by {chart.Across.Name}">
            <style>{_style}</style>
            <text class="title" x="4" y="16">{chart.Title}</text>
            {legend}
            <g transform="translate(0 {y + 6})">
            {ChartView.Plot(chart)}
            </g>
            </svg>

            """).Text;
    }
}
