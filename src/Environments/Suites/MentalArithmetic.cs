namespace Axpo.Environments.Suites;

/// <summary>
/// <c>mental-arithmetic</c>: sums and differences of 1..20 and the table of 2..9 (864 facts), in ten wordings. Thinking and calling pay alike, which is the
/// regime in which the thinking-acting gap persists. What is memorised must be shared: every fact is in training (with eight of its wordings), and
/// the splits are disjoint by question text only.
/// </summary>
public sealed class MentalArithmetic : ITaskSuite, ITeacher
{
    private const string SuiteName = "mental-arithmetic";

    private static readonly Sum[] Facts = [.. AllFacts()];

    /// <inheritdoc/>
    public string Name => SuiteName;

    /// <inheritdoc/>
    public string Category => "reasoning";

    /// <inheritdoc/>
    public IReadOnlyList<string> Tools { get; } = ["python"];

    string ITeacher.Suite => SuiteName;

    /// <summary>Number of facts.</summary>
    public static int FactCount => Facts.Length;

    /// <inheritdoc/>
    public IReadOnlyList<Question> Draw(Split split, ChanceKey key, int count) => Draws.Distinct(key, count, chance =>
    {
        var fact = chance.Next(Facts.Length);
        var wordings = Wordings(fact, split);
        return ArithmeticTexts.Question(SuiteName, ArithmeticTexts.Openings[chance.Pick(wordings)], Facts[fact]);
    });

    /// <inheritdoc/>
    public TeacherTrace Demonstrate(Question question, bool useTool, ChanceKey key) =>
        ArithmeticTexts.Demonstrate(question, useTool, "use python", "I can do it");

    /// <summary>Of the ten wordings of a fact eight train, one validates, one tests; which ones differs from fact to fact.</summary>
    private static ArraySegment<int> Wordings(int fact, Split split)
    {
        var order = ChanceKey.Root(0).With(SuiteName).With((ulong)fact).Stream().Permutation(ArithmeticTexts.Openings.Length);
        return split switch
        {
            Split.Train => new ArraySegment<int>(order, 0, order.Length - 2),
            Split.Validation => new ArraySegment<int>(order, order.Length - 2, 1),
            _ => new ArraySegment<int>(order, order.Length - 1, 1),
        };
    }

    private static IEnumerable<Sum> AllFacts()
    {
        for (var a = 1; a <= 20; a++)
        {
            for (var b = 1; b <= 20; b++)
            {
                yield return new Sum(a, Operation.Plus, b);
                yield return new Sum(a, Operation.Minus, b);
            }
        }

        for (var a = 2; a <= 9; a++)
        {
            for (var b = 2; b <= 9; b++)
            {
                yield return new Sum(a, Operation.Times, b);
            }
        }
    }
}
