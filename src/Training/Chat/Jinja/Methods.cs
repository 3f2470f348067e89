namespace Axpo.Training.Chat.Jinja;

/// <summary>Something done with a value: a filter or a method.</summary>
internal delegate object? Operation(Frame frame, object? value, Arguments arguments);

/// <summary>Methods of texts and dictionaries.</summary>
internal static class Methods
{
    /// <summary>Those of a text.</summary>
    public static IReadOnlyDictionary<string, Operation> OfText { get; } = new Dictionary<string, Operation>(StringComparer.Ordinal)
    {
        ["startswith"] = (frame, value, arguments) => Ends(frame, value, arguments, "startswith", (text, part) => text.StartsWith(part, StringComparison.Ordinal)),
        ["endswith"] = (frame, value, arguments) => Ends(frame, value, arguments, "endswith", (text, part) => text.EndsWith(part, StringComparison.Ordinal)),
        ["strip"] = (frame, value, arguments) => Strip(frame, value, arguments, true, true),
        ["lstrip"] = (frame, value, arguments) => Strip(frame, value, arguments, true, false),
        ["rstrip"] = (frame, value, arguments) => Strip(frame, value, arguments, false, true),
        ["split"] = (frame, value, arguments) =>
        {
            var bound = arguments.Bind("split", "sep", "maxsplit");
            return new TemplateList(Strings.Split(frame.Budget, (TemplateText)value!, Optional(bound[0], "sep"), Count(bound[1], "maxsplit")));
        },
        ["replace"] = (frame, value, arguments) =>
        {
            var bound = arguments.Bind("replace", "old", "new", "count");
            return Strings.Replace(frame.Budget, (TemplateText)value!, Text(bound[0], "old").Value, Text(bound[1], "new"), Count(bound[2], "count"));
        },
        ["upper"] = (frame, value, arguments) => Change(frame, value, arguments, "upper", text => text.With(s => s.ToUpperInvariant())),
        ["lower"] = (frame, value, arguments) => Change(frame, value, arguments, "lower", text => text.With(s => s.ToLowerInvariant())),
        ["title"] = (frame, value, arguments) => Change(frame, value, arguments, "title", Strings.Title),
        ["capitalize"] = (frame, value, arguments) => Change(frame, value, arguments, "capitalize", Strings.Capitalize),
        ["join"] = (frame, value, arguments) =>
        {
            var items = Python.Iterate(frame.Budget, arguments.Bind("join", "iterable")[0]);
            return items.All(i => i is TemplateText) ? Python.Join(frame.Budget, (TemplateText)value!, items) : throw new TemplateException("join: every item must be text");
        },
    };

    /// <summary>Those of a dictionary.</summary>
    public static IReadOnlyDictionary<string, Operation> OfDict { get; } = new Dictionary<string, Operation>(StringComparer.Ordinal)
    {
        ["get"] = (_, value, arguments) =>
        {
            var bound = arguments.Bind("get", "key", "default");
            return bound[0] is TemplateText key && ((TemplateDict)value!).TryGet(key.Value, out var found) ? found
                : ReferenceEquals(bound[1], Arguments.Missing) ? null : bound[1];
        },
        ["items"] = (frame, value, arguments) => Items(frame, (TemplateDict)value!, arguments, "items", p => new TemplateList([p.Key, p.Value])),
        ["keys"] = (frame, value, arguments) => Items(frame, (TemplateDict)value!, arguments, "keys", p => p.Key),
        ["values"] = (frame, value, arguments) => Items(frame, (TemplateDict)value!, arguments, "values", p => p.Value),
    };

    /// <summary>Names that may be called on a value.</summary>
    public static IReadOnlyCollection<string> Known { get; } = [.. OfText.Keys, .. OfDict.Keys, "cycle"];

    /// <summary>An argument that must be text.</summary>
    /// <exception cref="TemplateException">It is none.</exception>
    public static TemplateText Text(object? argument, string name) => argument as TemplateText
        ?? throw new TemplateException(ReferenceEquals(argument, Arguments.Missing) ? $"argument '{name}' is missing" : $"argument '{name}' must be str, not {Python.TypeOf(argument)}");

    /// <summary>An argument that may be absent or None, else must be text.</summary>
    /// <exception cref="TemplateException">It is none.</exception>
    public static string? Optional(object? argument, string name) => argument is null || ReferenceEquals(argument, Arguments.Missing) ? null : Text(argument, name).Value;

    /// <summary>A number of times; -1, that is without end, where it is absent or None.</summary>
    public static int Count(object? argument, string name) => argument is null || ReferenceEquals(argument, Arguments.Missing) ? -1 : Python.Integer(argument, $"argument '{name}'");

    private static bool Ends(Frame frame, object? value, Arguments arguments, string name, Func<string, string, bool> test)
    {
        var part = arguments.Bind(name, "prefix")[0];
        IEnumerable<object?> parts = part is TemplateList list ? list.Items : [part];
        frame.Budget.Spend(((TemplateText)value!).Length);
        return parts.Any(p => test(((TemplateText)value).Value, Text(p, "prefix").Value));
    }

    private static TemplateText Strip(Frame frame, object? value, Arguments arguments, bool left, bool right) =>
        Strings.Strip(frame.Budget, (TemplateText)value!, Optional(arguments.Bind("strip", "chars")[0], "chars"), left, right);

    private static TemplateText Change(Frame frame, object? value, Arguments arguments, string name, Func<TemplateText, TemplateText> change)
    {
        arguments.Bind(name);
        frame.Budget.Spend(((TemplateText)value!).Length);
        return change((TemplateText)value);
    }

    private static TemplateList Items(Frame frame, TemplateDict dict, Arguments arguments, string name, Func<(TemplateText Key, object? Value), object?> pick)
    {
        arguments.Bind(name);
        frame.Budget.Spend(dict.Count);
        return new TemplateList([.. dict.Items.Select(pick)]);
    }
}
