namespace Axpo.Environments.Suites;

/// <summary>
/// <c>arithmetic</c>: sums and differences of two- to six-digit numbers and products beyond the table; out of reach without the tool for a small policy.
/// Splits are disjoint by operands.
/// </summary>
public sealed class ArithmeticSuite : ITaskSuite, ITeacher
{
    private const string SuiteName = "arithmetic";
    private static readonly ChanceKey SplitKey = ChanceKey.Root(0).With(SuiteName);

    /// <inheritdoc/>
    public string Name => SuiteName;

    /// <inheritdoc/>
    public string Category => "reasoning";

    /// <inheritdoc/>
    public IReadOnlyList<string> Tools { get; } = ["python"];

    string ITeacher.Suite => SuiteName;

    /// <inheritdoc/>
    public IReadOnlyList<Question> Draw(Split split, ChanceKey key, int count) => Draws.Distinct(key, count, chance =>
    {
        Sum sum;
        do
        {
            sum = Any(chance);
        }
        while (Of(sum) != split);

        return ArithmeticTexts.Question(SuiteName, chance.Pick(ArithmeticTexts.Openings), sum);
    });

    /// <inheritdoc/>
    public TeacherTrace Demonstrate(Question question, bool useTool, ChanceKey key) =>
        ArithmeticTexts.Demonstrate(question, useTool: true, "use python", "I can do it");

    /// <summary>The split of two operands, whatever is asked of them.</summary>
    internal static Split Of(Sum sum) => SplitKey.With((ulong)sum.A).With((ulong)sum.B).Uniform(0, 0) switch
    {
        < .8 => Split.Train,
        < .9 => Split.Validation,
        _ => Split.Test,
    };

    private static Sum Any(ChanceStream chance)
    {
        var operation = (Operation)chance.Next(3);
        return operation == Operation.Times
            ? new Sum(Digits(chance, 2, 3), operation, Digits(chance, 2, 2))
            : new Sum(Digits(chance, 2, 6), operation, Digits(chance, 2, 6));
    }

    private static long Digits(ChanceStream chance, int from, int to)
    {
        var low = (int)Math.Pow(10, chance.Next(from, to) - 1);
        return chance.Next(low, (low * 10) - 1);
    }
}
