using System.Globalization;

namespace Axpo.Silo.Reports;

/// <summary>How figures are written for people. What is not known is a dash, never 0.</summary>
internal static class Figures
{
    public const string None = "–";

    /// <summary>A share as a percentage: <c>41.2%</c>.</summary>
    public static string Share(double? value) => Known(value) is { } v ? (v * 100).ToString("0.0", CultureInfo.InvariantCulture) + "%" : None;

    /// <summary>A difference of shares in points: <c>+14.6</c>.</summary>
    public static string Points(double value) => Signed(value * 100, "0.0");

    /// <summary>A number with about three significant digits: <c>0.00123</c>, <c>4.5e-7</c>, <c>1.25k</c>.</summary>
    public static string Number(double? value)
    {
        if (Known(value) is not { } v)
        {
            return None;
        }

        var size = Math.Abs(v);
        return size switch
        {
            0 => "0",
            >= 1e9 => (v / 1e9).ToString("0.##", CultureInfo.InvariantCulture) + "G",
            >= 1e6 => (v / 1e6).ToString("0.##", CultureInfo.InvariantCulture) + "M",
            >= 1e4 => (v / 1e3).ToString("0.#", CultureInfo.InvariantCulture) + "k",
            >= 100 => v.ToString("#,0", CultureInfo.InvariantCulture),
            >= 10 => v.ToString("0.#", CultureInfo.InvariantCulture),
            >= 1 => v.ToString("0.##", CultureInfo.InvariantCulture),
            >= 1e-3 => v.ToString("0." + new string('#', 2 - (int)Math.Floor(Math.Log10(size))), CultureInfo.InvariantCulture),
            _ => v.ToString("0.##e+0", CultureInfo.InvariantCulture),
        };
    }

    /// <summary>A count with separators: <c>12,345</c>.</summary>
    public static string Count(long value) => value.ToString("#,0", CultureInfo.InvariantCulture);

    /// <summary>A number with its sign: <c>+1.50</c>.</summary>
    public static string Signed(double value, string format) =>
        value.ToString($"+{format};\u2212{format};{format}", CultureInfo.InvariantCulture);

    /// <summary>A count with its noun: <c>1 question</c>, <c>2 questions</c>.</summary>
    public static string Plural(long count, string noun, string? many = null) => $"{Count(count)} {(count == 1 ? noun : many ?? noun + "s")}";

    /// <summary>Text cut to a length, saying how much is missing.</summary>
    public static string Cut(string text, int most) =>
        text.Length <= most ? text : $"{text[..(char.IsHighSurrogate(text[most - 1]) ? most - 1 : most)]}… ({Count(text.Length - most)} more characters)";

    private static double? Known(double? value) => value is { } v && double.IsFinite(v) ? v : null;
}
