using System.Globalization;

namespace Axpo.Environments.Facts;

/// <summary>A country with the facts on which the sources agree.</summary>
/// <param name="Iso">ISO 3166-1 alpha-2 code.</param>
/// <param name="Name">Name.</param>
/// <param name="Capital">Capital; unique.</param>
/// <param name="Currency">ISO 4217 code; empty where the sources disagree.</param>
/// <param name="CallingCode">International calling code; unique.</param>
public sealed record Country(string Iso, string Name, string Capital, string Currency, int CallingCode);

/// <summary>A chemical element.</summary>
public sealed record Element(int Number, string Name, string Symbol);

/// <summary>An airport.</summary>
public sealed record Airport(string Iata, string City);

/// <summary>The shipped facts (<c>data/</c>, sources and licences in its NOTICE).</summary>
public static class FactTables
{
    /// <summary>Countries in the order of their ISO codes.</summary>
    public static IReadOnlyList<Country> Countries { get; } =
        [.. Read("countries.tsv").Select(r => new Country(r[0], r[1], r[2], r[3], int.Parse(r[4], CultureInfo.InvariantCulture)))];

    /// <summary>Elements by number.</summary>
    public static IReadOnlyList<Element> Elements { get; } =
        [.. Read("elements.tsv").Select(r => new Element(int.Parse(r[0], CultureInfo.InvariantCulture), r[1], r[2]))];

    /// <summary>Airports by code.</summary>
    public static IReadOnlyList<Airport> Airports { get; } = [.. Read("airports.tsv").Select(r => new Airport(r[0], r[1]))];

    private static IEnumerable<string[]> Read(string name)
    {
        using var stream = typeof(FactTables).Assembly.GetManifestResourceStream("data/" + name)
            ?? throw new InvalidOperationException($"data/{name} is not in the assembly");
        using var reader = new StreamReader(stream);
        var lines = new List<string[]>();
        reader.ReadLine();
        while (reader.ReadLine() is { Length: > 0 } line)
        {
            lines.Add(line.Split('\t'));
        }

        return lines;
    }
}
