namespace Axpo.Silo.Reports.Charts;

/// <summary>Draws charts as inline SVG. Values under the pointer show by CSS alone.</summary>
internal static class ChartView
{
    /// <summary>Most points of a curve; longer runs are drawn as means of neighbours.</summary>
    public const int MostPoints = 300;

    private const int MostHits = 100;

    /// <summary>Width of a plot, in units of its view box.</summary>
    public const double Width = 400;

    /// <summary>Height of a plot.</summary>
    public const double Height = 226;

    private const double Left = 48;
    private const double Right = Width - 10;
    private const double Top = 30;
    private const double Bottom = Height - 38;

    /// <summary>A figure with title, legend and plot.</summary>
    public static Markup Draw(Chart chart)
    {
        var plot = new Layout(chart);
        return Markup.Of($"""
            <figure class="chart">
            <figcaption><h3>{chart.Title}</h3><p>{chart.About}{Note(plot.Series, plot.Window, plot.Bin)}</p></figcaption>
            <ul class="legend">{plot.Series.Select(s => Legend(s, chart))}</ul>
            <svg viewBox="0 0 {Width} {Height}" role="img" aria-label="{chart.Title} by {chart.Across.Name}">
            {Plot(chart, plot)}
            {Hits(chart, plot.Series, plot.Steps, plot.X)}
            </svg>
            </figure>

            """);
    }

    /// <summary>The plot alone, without what shows under a pointer.</summary>
    public static Markup Plot(Chart chart) => Plot(chart, new Layout(chart));

    private static Markup Plot(Chart chart, Layout plot) => Markup.Of($"""
        {Frame(chart, plot.X, plot.Y)}
        {(plot.IsStacked ? Bars(plot.Series, plot.Steps, plot.X, plot.Y) : Markup.Of($"{plot.Series.Select(s => Band(s, plot.X, plot.Y))}{plot.Series.Select(s => Line(s, plot.X, plot.Y, plot.Window))}"))}
        """);

    private static int Bin(Series series) => (series.Points.Count + MostPoints - 1) / MostPoints;

    /// <summary>Points of a moving mean: an odd number, about a twelfth of the run.</summary>
    private static int Window(int steps) => (steps / 12) | 1;

    private static string Note(Series[] series, int window, int bin) =>
        (window > 1 && series.Any(s => s.Stroke == Stroke.Smoothed) ? $" Bold: mean of {window} neighbours." : "")
        + (bin > 1 ? $" Each point is the mean of {bin} steps." : "");

    private static Markup Legend(Series series, Chart chart) => Markup.Of(
        $"""<li><i class="{(series.Stroke switch { Stroke.Dots => "dot", Stroke.Dashed => "key dashed", _ => "key" })} c{series.Colour}"></i>{series.Name} <b>{chart.Format(series.Newest)}</b></li>""");

    private static Markup Frame(Chart chart, Axis x, Axis y) => Markup.Of($"""
        <text class="unit" x="4" y="14">{chart.Unit}</text>
        {y.Ticks.Select(t => Markup.Of($"""<path class="grid{(t == 0 ? " zero" : "")}" d="M{Left} {y.At(t)}H{Right}"/><text class="tick" x="{Left - 6}" y="{y.At(t) + 4}" text-anchor="end">{Tick(chart, t)}</text>"""))}
        {x.Ticks.Select(t => Markup.Of($"""<path class="grid mark" d="M{x.At(t)} {Bottom}v4"/><text class="tick" x="{x.At(t)}" y="{Bottom + 17}" text-anchor="middle">{chart.Across.Format(t)}</text>"""))}
        <text class="unit" x="{(Left + Right) / 2}" y="{Height - 5}" text-anchor="middle">{chart.Across.Name}</text>
        """);

    /// <summary>A tick is a round number: its format needs no decimals that are 0.</summary>
    private static string Tick(Chart chart, double value) => chart.Format(value).Replace(".0%", "%", StringComparison.Ordinal);

    private static Markup Line(Series series, Axis x, Axis y, int window) => series.Stroke switch
    {
        Stroke.Dots => Markup.Join(series.Points.Where(p => p.Value is not null)
            .Select(p => Markup.Of($"""<circle class="spot c{series.Colour}" cx="{x.At(p.Step)}" cy="{y.At(p.Value!.Value)}" r="5"/>"""))),
        Stroke.Smoothed when window > 1 => Markup.Of($"""{Path(series, x, y, "faint")}{Path(series.Mean(window), x, y, "bold")}"""),
        Stroke.Dashed => Path(series, x, y, "bold dashed"),
        _ => Path(series, x, y, "bold"),
    };

    private static Markup Band(Series series, Axis x, Axis y) => series.Band.Count < 2 ? Markup.Empty : Markup.Of(
        $"""<path class="band c{series.Colour}" d="{series.Band.Select((b, i) => Markup.Of($"{(i == 0 ? "M" : "L")}{x.At(b.Step)} {y.At(b.High)}"))}{series.Band.Reverse().Select(b => Markup.Of($"L{x.At(b.Step)} {y.At(b.Low)}"))}Z"/>""");

    /// <summary>A path that is broken at gaps; a value alone between gaps is a dot, and so is every value of a short series.</summary>
    private static Markup Path(Series series, Axis x, Axis y, string weight)
    {
        var path = new List<Markup>();
        var dots = new List<Markup>();
        var points = series.Points;
        var few = points.Count(p => p.Value is not null) <= 16;
        for (var i = 0; i < points.Count; i++)
        {
            if (points[i].Value is not { } value)
            {
                continue;
            }

            var follows = i > 0 && points[i - 1].Value is not null;
            var goesOn = i + 1 < points.Count && points[i + 1].Value is not null;
            path.Add(Markup.Of($"{(follows ? "L" : "M")}{x.At(points[i].Step)} {y.At(value)}"));
            if (few || (!follows && !goesOn))
            {
                dots.Add(Markup.Of($"""<circle class="{weight} c{series.Colour}" cx="{x.At(points[i].Step)}" cy="{y.At(value)}" r="2.5"/>"""));
            }
        }

        return Markup.Of($"""<path class="line {weight} c{series.Colour}" d="{path}"/>{dots}""");
    }

    private static Markup Bars(Series[] series, double[] steps, Axis x, Axis y)
    {
        var width = Math.Max(.5, (Right - Left) / (steps.Length + 1) * .8);
        var bars = new List<Markup>();
        foreach (var step in steps)
        {
            var sum = 0.0;
            foreach (var s in series)
            {
                if (At(s, step) is > 0 and var value)
                {
                    bars.Add(Markup.Of($"""<rect class="bar c{s.Colour}" x="{x.At(step) - (width / 2)}" y="{y.At(sum + value)}" width="{width}" height="{y.At(sum) - y.At(sum + value)}"/>"""));
                    sum += value;
                }
            }
        }

        return Markup.Join(bars);
    }

    /// <summary>Strips that show their values while the pointer is over them.</summary>
    private static Markup Hits(Chart chart, Series[] series, double[] steps, Axis x)
    {
        double[] shown = [.. steps.Where((_, i) => i % ((steps.Length + MostHits - 1) / MostHits) == 0)];
        return Markup.Join(shown.Select((step, i) =>
        {
            var from = i == 0 ? Left : x.At((shown[i - 1] + step) / 2);
            var to = i == shown.Length - 1 ? Right : x.At((shown[i + 1] + step) / 2);
            var values = series.Select(s => (s.Colour, Value: At(s, step))).Where(v => v.Value is not null)
                .Select(v => Markup.Of($"""<tspan class="c{v.Colour}" dx="6">{chart.Format(v.Value)}</tspan>"""));
            return Markup.Of($"""<g class="hit"><rect x="{from}" y="{Top}" width="{to - from}" height="{Bottom - Top}"/><path d="M{x.At(step)} {Top}V{Bottom}"/><text x="{Right}" y="14" text-anchor="end">{chart.Across.Short} {Figures.Number(step)}{values}</text></g>""");
        }));
    }

    private static double? At(Series series, double step) => series.Points.FirstOrDefault(p => p.Step == step).Value;

    /// <summary>The series as they are drawn, with their axes.</summary>
    private sealed class Layout
    {
        public Layout(Chart chart)
        {
            Series[] series = [.. chart.Series.Where(s => s.HasValues)];
            Bin = series.Max(ChartView.Bin);
            Series = [.. series.Select(s => s.Binned(ChartView.Bin(s)))];
            Steps = [.. Series.SelectMany(s => s.Points).Select(p => p.Step).Distinct().Order()];
            IsStacked = Series[0].Stroke == Stroke.Bars;
            double[] values = IsStacked
                ? [.. Steps.Select(x => Series.Sum(s => At(s, x) ?? 0))]
                : [.. Series.SelectMany(s => s.Points).Where(p => p.Value is not null).Select(p => p.Value!.Value), .. Series.SelectMany(s => s.Band).SelectMany(b => new[] { b.Low, b.High })];
            var half = IsStacked ? (Steps[^1] - Steps[0]) / Math.Max(1, Steps.Length - 1) / 2 : 0;
            X = Axis.Over([Steps[0] - half, Steps[^1] + half], Left, Right, whole: true);
            Y = Axis.Over(values, Bottom, Top);
            Window = ChartView.Window(Steps.Length);
        }

        public Series[] Series { get; }

        /// <summary>Steps that one point is the mean of.</summary>
        public int Bin { get; }

        public double[] Steps { get; }

        public bool IsStacked { get; }

        public Axis X { get; }

        public Axis Y { get; }

        /// <summary>Points of a moving mean.</summary>
        public int Window { get; }
    }
}
