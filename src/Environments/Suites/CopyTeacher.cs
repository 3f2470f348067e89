using Axpo.Environments.Facts;
using Axpo.Environments.Tools.Search;

namespace Axpo.Environments.Suites;

/// <summary>
/// Traces of random content, always with calls, from which a policy learns to copy before it learns facts: a third of them calculations (or none), the others searches
/// about mostly made-up names. Without this stage names are memorised instead of copied.
/// </summary>
public sealed class CopyTeacher
{
    private static readonly string[] Relations = ["capital of", "calling code of", "currency of", "symbol of", "number of", "city of airport"];
    private static readonly HashSet<string> Held = [.. FactBase.OneHop.Where(f => f.Split != Split.Train).Select(f => f.Entity)];

    private readonly ArithmeticSuite? _arithmetic;
    private readonly string[] _names = [.. FactBase.OneHop.Where(f => f.Split == Split.Train && f.Relation is not "airport").Select(f => f.Entity).Distinct(StringComparer.Ordinal)];
    private readonly MadeUpNames _madeUp;
    private readonly SearchMatch _match;

    /// <summary>Creates the teacher.</summary>
    /// <param name="calculates">Whether a third of the traces are calculations.</param>
    /// <param name="match">What its searches find: the document of the query alone, or another one behind it.</param>
    public CopyTeacher(bool calculates = true, SearchMatch match = SearchMatch.Any)
    {
        _match = match;
        _madeUp = new MadeUpNames(_names);
        _arithmetic = calculates ? new ArithmeticSuite() : null;
    }

    /// <summary>A trace; a pure function of the key.</summary>
    public TeacherTrace Draw(ChanceKey key)
    {
        var chance = key.With("copy").Stream();
        if (_arithmetic is not null && chance.Next(3) == 0)
        {
            return _arithmetic.Demonstrate(_arithmetic.Draw(Split.Train, key.With("sum"), 1)[0], true, key);
        }

        var hops = chance.Next(1, 3);
        var relation = chance.Pick(Relations);
        var name = Name(chance);
        var queries = new List<(string Query, string Answer)>();
        for (var i = 1; i < hops; i++)
        {
            var next = Name(chance);
            queries.Add(($"country after {name}", next));
            name = next;
        }

        var start = queries.Count == 0 ? name : queries[0].Query["country after ".Length..];
        var answer = Answer(chance, relation);
        queries.Add(($"{relation} {name}", answer));
        var subject = hops == 1 ? $"{relation} {start}" : $"{relation} the {string.Join("the ", Enumerable.Repeat("country after ", hops - 1))}{start}";
        var question = new Question
        {
            Id = "copy",
            Suite = "copy",
            Category = "search",
            Verifier = "exact",
            Horizon = hops,
            Text = $"{chance.Pick(FactSuite.Openings)} {subject}?",
            Answer = answer,
        };
        var steps = queries.Select((q, i) => new TeacherStep(
            i == 0 ? "use search" : "then search",
            "web_search",
            $$"""{"query":"{{q.Query}}"}""",
            FactIndex.Format([new SearchHit("", q.Query, q.Answer), .. _match == SearchMatch.Any ? [Other(chance)] : Array.Empty<SearchHit>()])));
        return new TeacherTrace(question, [.. steps], null, answer);
    }

    private SearchHit Other(ChanceStream chance) => new("", $"{chance.Pick(Relations)} {Name(chance)}", Answer(chance, chance.Pick(Relations)));

    private string Answer(ChanceStream chance, string relation) => relation switch
    {
        "calling code of" => chance.Next(1, 9999).ToString(System.Globalization.CultureInfo.InvariantCulture),
        "number of" => chance.Next(1, 118).ToString(System.Globalization.CultureInfo.InvariantCulture),
        "currency of" => Letters(chance, 3),
        "symbol of" => Letters(chance, 1) + (chance.Next(3) == 0 ? "" : Letters(chance, 1).ToLowerInvariant()),
        _ => Name(chance),
    };

    private static string Letters(ChanceStream chance, int count) =>
        string.Concat(Enumerable.Range(0, count).Select(_ => (char)('A' + chance.Next(26))));

    /// <summary>Three in ten names are real (real spellings, random roles), one in eight a code, the others made up in the manner of real ones.</summary>
    private string Name(ChanceStream chance)
    {
        if (chance.Next(10) < 3)
        {
            return chance.Pick(_names);
        }

        if (chance.Next(8) == 0)
        {
            return Letters(chance, 3);
        }

        while (true)
        {
            var first = _madeUp.Draw(chance);
            var name = chance.Next(6) == 0 ? $"{first} {_madeUp.Draw(chance)}" : first;
            if (!Held.Contains(name))
            {
                return name;
            }
        }
    }
}
