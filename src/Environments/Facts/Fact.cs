namespace Axpo.Environments.Facts;

/// <summary>One fact as a document: what is asked about it, and what it says.</summary>
/// <param name="Id">Stable id.</param>
/// <param name="Title">For example <c>capital of France</c>: the words that a good query has.</param>
/// <param name="Answer">For example <c>Paris</c>.</param>
/// <param name="Relation">For example <c>capital</c>.</param>
/// <param name="Entity">The entity asked about; decides the split.</param>
public sealed record Fact(string Id, string Title, string Answer, string Relation, string Entity)
{
    /// <summary>The split of the fact.</summary>
    public Split Split => EntitySplit.Of(Entity);
}

/// <summary>All facts, in a stable order.</summary>
public static class FactBase
{
    /// <summary>Facts of one hop that suites ask for and that <c>web_search</c> finds.</summary>
    public static IReadOnlyList<Fact> OneHop { get; } = [.. Countries(), .. Elements(), .. Airports()];

    /// <summary>"Country after": the next by calling code among the countries of the same split; chains to any length and stays inside a split.</summary>
    public static IReadOnlyDictionary<string, Country> After { get; } = Successors();

    /// <summary>Facts of the relation "country after".</summary>
    public static IReadOnlyList<Fact> Chains { get; } =
        [.. FactTables.Countries.Select(c => new Fact("after-" + c.Iso, "country after " + c.Name, After[c.Name].Name, "after", c.Name))];

    /// <summary>From a number back to what has it: a country by its calling code, an element by its atomic number. No fact of <see cref="OneHop"/> shares a word with their titles.</summary>
    public static IReadOnlyList<Fact> Numbers { get; } =
    [
        .. FactTables.Countries.Select(c => new Fact("prefix-" + c.Iso, "dialling prefix " + Text(c.CallingCode), c.Name, "prefix", c.Name)),
        .. FactTables.Elements.Select(e => new Fact("element-" + e.Symbol, "element " + Text(e.Number), e.Name, "element", e.Name)),
    ];

    /// <summary>Everything, for the index.</summary>
    public static IReadOnlyList<Fact> All { get; } = [.. OneHop, .. Chains, .. Numbers];

    private static string Text(int number) => number.ToString(System.Globalization.CultureInfo.InvariantCulture);

    private static IEnumerable<Fact> Countries()
    {
        foreach (var c in FactTables.Countries)
        {
            yield return new Fact("capital-" + c.Iso, "capital of " + c.Name, c.Capital, "capital", c.Name);
            yield return new Fact("code-" + c.Iso, "calling code of " + c.Name, Text(c.CallingCode), "code", c.Name);
            if (c.Currency.Length > 0)
            {
                yield return new Fact("currency-" + c.Iso, "currency of " + c.Name, c.Currency, "currency", c.Name);
            }
        }
    }

    private static IEnumerable<Fact> Elements()
    {
        foreach (var e in FactTables.Elements)
        {
            yield return new Fact("symbol-" + e.Symbol, "symbol of " + e.Name, e.Symbol, "symbol", e.Name);
            yield return new Fact("number-" + e.Symbol, "number of " + e.Name, Text(e.Number), "number", e.Name);
        }
    }

    private static IEnumerable<Fact> Airports() =>
        FactTables.Airports.Select(a => new Fact("airport-" + a.Iata, "city of airport " + a.Iata, a.City, "airport", a.Iata));

    private static Dictionary<string, Country> Successors()
    {
        var after = new Dictionary<string, Country>(StringComparer.Ordinal);
        foreach (var part in FactTables.Countries.GroupBy(c => EntitySplit.Of(c.Name)))
        {
            var ring = part.OrderBy(c => c.CallingCode).ToArray();
            for (var i = 0; i < ring.Length; i++)
            {
                after[ring[i].Name] = ring[(i + 1) % ring.Length];
            }
        }

        return after;
    }
}
