using Axpo.Environments.Facts;
using Axpo.Environments.Tools.Search;

namespace Axpo.Environments.Suites;

/// <summary>
/// <c>fact</c>: one hop over real facts: capitals, currencies and calling codes of countries, symbols and numbers of elements, cities of airports.
/// Splits are disjoint by entity.
/// </summary>
public sealed class FactSuite : ITaskSuite, ITeacher
{
    internal const string SuiteName = "fact";
    internal static readonly string[] Openings = ["What is the", "Find the", "Tell me the", "Give the", "Name the"];

    private readonly SearchMatch _match;
    private readonly Dictionary<Split, Fact[][]> _facts = FactBase.OneHop.GroupBy(f => f.Split)
        .ToDictionary(s => s.Key, s => s.GroupBy(f => f.Relation).OrderBy(r => r.Key, StringComparer.Ordinal).Select(r => r.ToArray()).ToArray());

    /// <summary>Creates the suite.</summary>
    /// <param name="match">What the teacher's search finds.</param>
    public FactSuite(SearchMatch match = SearchMatch.Any) => _match = match;

    /// <inheritdoc/>
    public string Name => SuiteName;

    /// <inheritdoc/>
    public string Category => "search";

    /// <inheritdoc/>
    public IReadOnlyList<string> Tools { get; } = ["web_search"];

    string ITeacher.Suite => SuiteName;

    /// <inheritdoc/>
    public IReadOnlyList<Question> Draw(Split split, ChanceKey key, int count) => Draws.Distinct(key, count, chance =>
    {
        var fact = chance.Pick(chance.Pick(_facts[split]));
        return Question(SuiteName, $"{chance.Pick(Openings)} {fact.Title}?", fact.Answer, 1, fact.Id);
    });

    /// <inheritdoc/>
    public TeacherTrace Demonstrate(Question question, bool useTool, ChanceKey key) => Searches.Demonstrate(question, [Searches.Subject(question.Text, Openings)], _match);

    internal static Question Question(string suite, string text, string answer, int horizon, string id) => new()
    {
        Id = $"{suite}:{id}:{text}",
        Suite = suite,
        Category = "search",
        Text = text,
        Answer = answer,
        Verifier = "exact",
        Horizon = horizon,
    };
}
