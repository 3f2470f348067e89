using Axpo.Environments.Facts;
using Axpo.Environments.Tools.Search;

namespace Axpo.Environments.Suites;

/// <summary>
/// <c>fact-chain</c>: 2 to 8 hops: "the calling code of the country after the country after Chad". "After" is the next by calling code among the
/// countries of the same split, so chains of any length stay inside it. Splits are disjoint by entity.
/// </summary>
public sealed class FactChainSuite : IHorizonSuite, ITeacher
{
    private const string SuiteName = "fact-chain";
    private const int Shortest = 2;
    private const int Longest = 8;
    private const string AfterWords = "country after ";

    private static readonly (string Words, Func<Country, string> Answer)[] Ends =
    [
        ("capital of", c => c.Capital),
        ("calling code of", c => c.CallingCode.ToString(System.Globalization.CultureInfo.InvariantCulture)),
        ("currency of", c => c.Currency),
    ];

    private readonly SearchMatch _match;
    private readonly Dictionary<Split, Country[]> _countries = FactTables.Countries.GroupBy(c => EntitySplit.Of(c.Name)).ToDictionary(s => s.Key, s => s.ToArray());

    /// <summary>Chains of 2 to 4 hops.</summary>
    public FactChainSuite()
        : this(2, 4)
    {
    }

    /// <summary>Chains of a range of lengths.</summary>
    /// <param name="horizonMin">Hops of the shortest.</param>
    /// <param name="horizonMax">Hops of the longest.</param>
    /// <param name="match">What the teacher's search finds.</param>
    /// <exception cref="ArgumentException">Not 2 to 8, or the wrong way round.</exception>
    public FactChainSuite(int horizonMin, int horizonMax, SearchMatch match = SearchMatch.Any)
    {
        if (horizonMin < Shortest || horizonMax > Longest || horizonMin > horizonMax)
        {
            throw new ArgumentException(
                $"tasks.horizonMin {horizonMin}, tasks.horizonMax {horizonMax}: {SuiteName} has chains of {Shortest} to {Longest} hops; give horizonMin <= horizonMax in that range ('fact' has one hop)",
                nameof(horizonMin));
        }

        (HorizonMin, HorizonMax, _match) = (horizonMin, horizonMax, match);
    }

    /// <inheritdoc/>
    public int HorizonMin { get; }

    /// <inheritdoc/>
    public int HorizonMax { get; }

    /// <inheritdoc/>
    public string Name => SuiteName;

    /// <inheritdoc/>
    public string Category => "search";

    /// <inheritdoc/>
    public IReadOnlyList<string> Tools { get; } = ["web_search"];

    string ITeacher.Suite => SuiteName;

    /// <inheritdoc/>
    public ITaskSuite WithHorizon(int min, int max) => new FactChainSuite(min, max, _match);

    /// <inheritdoc/>
    public IReadOnlyList<Question> Draw(Split split, ChanceKey key, int count) => Draws.Distinct(key, count, chance =>
    {
        while (true)
        {
            var hops = chance.Next(HorizonMin, HorizonMax);
            var start = chance.Pick(_countries[split]);
            var country = start;
            for (var i = 1; i < hops; i++)
            {
                country = FactBase.After[country.Name];
            }

            var end = chance.Pick(Ends);
            if (end.Answer(country) is { Length: > 0 } answer)
            {
                var subject = $"{end.Words} the {string.Join("the ", Enumerable.Repeat(AfterWords, hops - 1))}{start.Name}";
                return FactSuite.Question(SuiteName, $"{chance.Pick(FactSuite.Openings)} {subject}?", answer, hops, start.Iso);
            }
        }
    });

    /// <inheritdoc/>
    public TeacherTrace Demonstrate(Question question, bool useTool, ChanceKey key)
    {
        var subject = Searches.Subject(question.Text, FactSuite.Openings);
        var first = subject.IndexOf(AfterWords, StringComparison.Ordinal);
        var last = subject.LastIndexOf(AfterWords, StringComparison.Ordinal);
        var queries = new List<string> { subject[last..] };
        queries.AddRange(Enumerable.Repeat(AfterWords + "{0}", question.Horizon - 2));
        queries.Add(subject[..(first - "the ".Length)] + "{0}");
        return Searches.Demonstrate(question, queries, _match);
    }
}
