using System.Globalization;
using Axpo.Environments.Facts;
using Axpo.Environments.Tools.Search;

namespace Axpo.Environments.Suites;

/// <summary>
/// Traces of random content from which a policy learns to make one number of digits that stand apart (<c>8 4</c> is <c>84</c>, one token) and to look it up; answers are made up. Without it
/// <c>picture-fact</c> asks only for the numbers of its training split, whatever is written on the picture.
/// </summary>
public sealed class NumberTeacher
{
    private static readonly string[] _relations = ["dialling prefix", "element"];
    private static readonly HashSet<string> _held = [.. FactBase.OneHop.Where(f => f.Split != Split.Train).Select(f => f.Entity)];
    private readonly MadeUpNames _names = new(FactBase.OneHop.Where(f => f.Split == Split.Train).Select(f => f.Entity).Distinct(StringComparer.Ordinal));

    /// <summary>A trace; a pure function of the key.</summary>
    public TeacherTrace Draw(ChanceKey key)
    {
        var chance = key.With("number").Stream();
        var number = chance.Next(2) == 0 ? chance.Next(10, 99) : chance.Next(100, 999);
        var text = number.ToString(CultureInfo.InvariantCulture);
        var digits = string.Join(' ', text.ToCharArray());
        var relation = chance.Pick(_relations);
        var (answer, other) = (Name(chance), Name(chance));
        var question = new Question
        {
            Id = "number",
            Suite = "number",
            Category = "search",
            Verifier = "exact",
            Text = $"{chance.Pick(FactSuite.Openings)} {relation} {digits}?",
            Answer = answer,
            Horizon = 1,
        };
        var query = $"{relation} {text}";
        var observation = FactIndex.Format([new SearchHit("", query, answer), new SearchHit("", string.Create(CultureInfo.InvariantCulture, $"{relation} {chance.Next(1, 999)}"), other)]);
        return new TeacherTrace(question, [new TeacherStep($"{digits} then search", "web_search", $$"""{"query":"{{query}}"}""", observation)], null, answer);
    }

    private string Name(ChanceStream chance)
    {
        while (true)
        {
            if (_names.Draw(chance) is var name && !_held.Contains(name))
            {
                return name;
            }
        }
    }
}
