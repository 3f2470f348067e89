using System.Globalization;

namespace Axpo.Environments.Suites;

/// <summary>An operation of the arithmetic suites.</summary>
internal enum Operation
{
    Plus,
    Minus,
    Times,
}

/// <summary>Two operands and what is asked of them.</summary>
internal readonly record struct Sum(long A, Operation Operation, long B)
{
    public long Value => Operation switch { Operation.Plus => A + B, Operation.Minus => A - B, _ => A * B };

    /// <summary><c>425 plus 131</c>.</summary>
    public string Words => string.Create(CultureInfo.InvariantCulture, $"{A} {(Operation switch { Operation.Plus => "plus", Operation.Minus => "minus", _ => "times" })} {B}");

    /// <summary><c>425+131</c>.</summary>
    public string Code => string.Create(CultureInfo.InvariantCulture, $"{A}{(Operation switch { Operation.Plus => '+', Operation.Minus => '-', _ => '*' })}{B}");
}

/// <summary>What the arithmetic suites share: wording, questions and the teacher.</summary>
internal static class ArithmeticTexts
{
    public static readonly string[] Openings =
        ["What is", "Find", "Compute", "Calculate", "Work out", "How much is", "Tell me", "Evaluate", "Give", "Determine"];

    public static Question Question(string suite, string opening, Sum sum)
    {
        var text = $"{opening} {sum.Words}?";
        return new Question
        {
            Id = $"{suite}:{text}",
            Suite = suite,
            Category = "reasoning",
            Text = text,
            Answer = sum.Value.ToString(CultureInfo.InvariantCulture),
            Verifier = "numeric",
            MetadataJson = $$"""{"code":"{{sum.Code}}"}""",
        };
    }

    public static TeacherTrace Demonstrate(Question question, bool useTool, string thinkTool, string thinkMental)
    {
        if (!useTool)
        {
            return new TeacherTrace(question, [], thinkMental, question.Answer);
        }

        using var metadata = System.Text.Json.JsonDocument.Parse(question.MetadataJson);
        var code = metadata.RootElement.GetProperty("code").GetString();
        var step = new TeacherStep(thinkTool, "python", $$"""{"code":"print({{code}})"}""", question.Answer);
        return new TeacherTrace(question, [step], null, question.Answer);
    }
}
