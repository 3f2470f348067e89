using System.Globalization;

namespace Axpo.Silo.Reports.Charts;

/// <summary>How a series is drawn.</summary>
internal enum Stroke
{
    /// <summary>A line through the points, broken where a value is missing.</summary>
    Line,

    /// <summary>The same, dashed: for a second use of a colour.</summary>
    Dashed,

    /// <summary>A faint line through the points and a bold one through the mean of their neighbours.</summary>
    Smoothed,

    /// <summary>Large dots only.</summary>
    Dots,

    /// <summary>A layer of stacked bars.</summary>
    Bars,
}

/// <summary>A series of a chart.</summary>
/// <param name="Name">In the legend.</param>
/// <param name="Colour">Number of a colour of the page's palette, from 1.</param>
/// <param name="Stroke">How it is drawn.</param>
/// <param name="Points">Values by step, in order; null where there is none.</param>
internal sealed record Series(string Name, int Colour, Stroke Stroke, IReadOnlyList<(double Step, double? Value)> Points)
{
    /// <summary>How far its values spread, where that is known, in order; drawn as a band behind the line.</summary>
    public IReadOnlyList<(double Step, double Low, double High)> Band { get; init; } = [];

    /// <summary>The newest value.</summary>
    public double? Newest => Points.LastOrDefault(p => p.Value is not null).Value;

    /// <summary>Whether it has any value.</summary>
    public bool HasValues => Points.Any(p => p.Value is not null);

    /// <summary>Means over runs of <paramref name="size"/> neighbours, at the step of the last of each; a run without values stays a gap.</summary>
    public Series Binned(int size) => size < 2 ? this : this with { Points = [.. Points.Chunk(size).Select(c => (c[^1].Step, c.Average(p => p.Value)))] };

    /// <summary>Mean of each value with its neighbours inside a window; gaps stay gaps.</summary>
    public Series Mean(int window) => this with
    {
        Points = [.. Points.Select((p, i) => (p.Step, p.Value is null ? null : Points.Skip(Math.Max(0, i - (window / 2))).Take(window).Average(n => n.Value)))],
    };
}

/// <summary>What a chart goes over.</summary>
/// <param name="Name">Under the axis.</param>
/// <param name="Short">Before or after a single value.</param>
/// <param name="Format">Writes a value.</param>
internal sealed record Across(string Name, string Short, Func<double, string> Format)
{
    /// <summary>Training steps.</summary>
    public static Across Steps { get; } = new("training step", "step", v => v.ToString("0", CultureInfo.InvariantCulture));
}

/// <summary>A chart, over training steps unless it says otherwise.</summary>
/// <param name="Title">What it shows.</param>
/// <param name="About">One sentence for a reader who does not know the measure.</param>
/// <param name="Unit">Unit of the vertical axis.</param>
/// <param name="Format">Writes a value.</param>
/// <param name="Series">Series; those without values are left out.</param>
internal sealed record Chart(string Title, string About, string Unit, Func<double?, string> Format, IReadOnlyList<Series> Series)
{
    /// <summary>What it goes over.</summary>
    public Across Across { get; init; } = Across.Steps;

    /// <summary>Whether there is anything to draw: one step alone is no curve.</summary>
    public bool HasValues => Series.SelectMany(s => s.Points).Where(p => p.Value is not null).Select(p => p.Step).Distinct().Count() > 1;
}
