namespace Axpo.Silo.Reports.Charts;

/// <summary>A linear axis with round ticks.</summary>
internal sealed class Axis
{
    private readonly double _from;
    private readonly double _to;

    private Axis(double low, double high, double from, double to, double[] ticks) => (Low, High, _from, _to, Ticks) = (low, high, from, to, ticks);

    public double Low { get; }

    public double High { get; }

    public double[] Ticks { get; }

    /// <summary>An axis that holds all values; it begins at 0 unless a value lies below.</summary>
    /// <param name="values">Values.</param>
    /// <param name="from">Coordinate of the low end.</param>
    /// <param name="to">Coordinate of the high end.</param>
    /// <param name="whole">Whether ticks are whole numbers and the ends are those of the values.</param>
    public static Axis Over(IReadOnlyCollection<double> values, double from, double to, bool whole = false)
    {
        var (low, high) = whole ? (values.Min(), values.Max()) : (Math.Min(0, values.Min()), Math.Max(0, values.Max()));
        if (low == high)
        {
            (low, high) = whole ? (low - 1, high + 1) : (low, low + 1);
        }

        var step = Step((high - low) / (whole ? 6 : 4));
        if (whole)
        {
            step = Math.Max(1, step);
            return new Axis(low, high, from, to, Range(Math.Ceiling(low / step), Math.Floor(high / step), step));
        }

        var (first, last) = (Math.Floor((low / step) + 1e-9), Math.Ceiling((high / step) - 1e-9));
        return new Axis(first * step, last * step, from, to, Range(first, last, step));
    }

    /// <summary>Coordinate of a value.</summary>
    public double At(double value) => _from + ((value - Low) / (High - Low) * (_to - _from));

    private static double[] Range(double first, double last, double step) => [.. Enumerable.Range(0, (int)(last - first) + 1).Select(i => (first + i) * step)];

    /// <summary>The next 1, 2, 2.5 or 5 times a power of ten.</summary>
    private static double Step(double rough)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        return new[] { 1, 2, 2.5, 5, 10 }.First(m => m * power >= rough * (1 - 1e-9)) * power;
    }
}
