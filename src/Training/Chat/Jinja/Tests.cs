namespace Axpo.Training.Chat.Jinja;

/// <summary>Tests after <c>is</c>.</summary>
internal static class Tests
{
    /// <summary>All of them, by name.</summary>
    public static IReadOnlyDictionary<string, Operation> All { get; } = new Dictionary<string, Operation>(StringComparer.Ordinal)
    {
        ["defined"] = Plain(value => value is not Undefined),
        ["undefined"] = Plain(value => value is Undefined),
        ["none"] = Plain(value => value is null),
        ["string"] = Plain(value => value is TemplateText),
        ["mapping"] = Plain(value => value is TemplateDict),
        ["iterable"] = Plain(value => value is TemplateText or TemplateList or TemplateDict or Undefined),
        ["sequence"] = Plain(value => value is TemplateText or TemplateList or TemplateDict or Undefined),
        ["number"] = Plain(value => value is TemplateNumber or bool),
        ["integer"] = Plain(value => value is TemplateNumber { IsWhole: true }),
        ["float"] = Plain(value => value is TemplateNumber { IsWhole: false }),
        ["boolean"] = Plain(value => value is bool),
        ["true"] = Plain(value => value is true),
        ["false"] = Plain(value => value is false),
        ["callable"] = Plain(value => value is TemplateFunction),
        ["sameas"] = (_, value, arguments) => arguments.Bind("sameas", "other")[0] is var other && (value, other) switch
        {
            (bool a, bool b) => a == b,
            (null, null) => true,
            _ => ReferenceEquals(value, other),
        },
        ["equalto"] = Compared("=="),
        ["eq"] = Compared("=="),
        ["ne"] = Compared("!="),
        ["lt"] = Compared("<"),
        ["le"] = Compared("<="),
        ["gt"] = Compared(">"),
        ["ge"] = Compared(">="),
        ["in"] = Compared("in"),
        ["odd"] = (frame, value, _) => Remainder(frame, value, 2) is not 0,
        ["even"] = (frame, value, _) => Remainder(frame, value, 2) is 0,
        ["divisibleby"] = (frame, value, arguments) => Remainder(frame, value, Python.Integer(arguments.Bind("divisibleby", "num")[0], "num")) is 0,
    };

    private static Operation Plain(Func<object?, bool> test) => (_, value, arguments) =>
    {
        arguments.Bind("the test");
        return test(value);
    };

    private static Operation Compared(string operation) => (frame, value, arguments) => Comparison.Holds(frame.Budget, operation, value, arguments.Bind(operation, "other")[0]);

    private static int Remainder(Frame frame, object? value, int by) =>
        Python.Integer(Python.Arithmetic(frame.Budget, "%", value, TemplateNumber.Of(by)), "the value");
}
