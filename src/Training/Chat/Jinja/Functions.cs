namespace Axpo.Training.Chat.Jinja;

/// <summary>Functions that every template finds.</summary>
internal static class Functions
{
    /// <summary>Names that a template may call. <c>strftime_now</c> is known and stays undefined: a prompt must not depend on the day, and templates that use it ask whether it is there.</summary>
    public static IReadOnlyCollection<string> Known { get; } = ["namespace", "range", "dict", "raise_exception", "strftime_now"];

    /// <summary>Those that are defined, by name.</summary>
    public static IReadOnlyDictionary<string, object?> All { get; } = new Dictionary<string, object?>(StringComparer.Ordinal)
    {
        ["namespace"] = (TemplateFunction)Namespace,
        ["range"] = (TemplateFunction)Range,
        ["dict"] = (TemplateFunction)((_, arguments) => Dict(arguments)),
        ["raise_exception"] = (TemplateFunction)((frame, arguments) =>
            throw new TemplateException($"the template raised: {Python.Text(frame.Budget, arguments.Bind("raise_exception", "message")[0])}")),
    };

    private static TemplateNamespace Namespace(Frame frame, Arguments arguments)
    {
        var space = new TemplateNamespace();
        foreach (var (key, value) in Dict(arguments).Items)
        {
            space.Attributes[key.Value] = value;
        }

        return space;
    }

    private static TemplateDict Dict(Arguments arguments)
    {
        var dict = new TemplateDict();
        foreach (var (key, value) in arguments.Positional.Count == 0 ? [] : (arguments.Positional[0] as TemplateDict ?? throw new TemplateException("the argument must be a dictionary")).Items)
        {
            dict.Set(key, value);
        }

        foreach (var (name, value) in arguments.Named)
        {
            dict.Set(TemplateText.Trust(name), value);
        }

        return dict;
    }

    private static TemplateList Range(Frame frame, Arguments arguments)
    {
        int[] bounds = [.. arguments.Positional.Select(a => Python.Integer(a, "an argument of range()"))];
        var (start, stop, step) = bounds switch
        {
            [var to] => (0, to, 1),
            [var from, var to] => (from, to, 1),
            [var from, var to, var by] when by != 0 => (from, to, by),
            _ => throw new TemplateException("range() takes one to three integers, the third not 0"),
        };
        var count = Math.Max(0, (((long)stop - start) + step - Math.Sign(step)) / step);
        if (count > frame.Budget.Limits.Range)
        {
            throw new TemplateException($"range() of {count} items is more than {frame.Budget.Limits.Range}");
        }

        frame.Budget.Spend(count);
        return new TemplateList([.. Enumerable.Range(0, (int)count).Select(i => (object?)TemplateNumber.Of(start + ((long)i * step)))]);
    }
}
