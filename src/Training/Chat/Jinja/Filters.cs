using System.Numerics;

namespace Axpo.Training.Chat.Jinja;

/// <summary>Filters after <c>|</c>; see Jinja2's <c>filters.py</c>.</summary>
internal static class Filters
{
    /// <summary>All of them, by name.</summary>
    public static IReadOnlyDictionary<string, Operation> All { get; } = new Dictionary<string, Operation>(StringComparer.Ordinal)
    {
        ["tojson"] = ToJson,
        ["length"] = (frame, value, _) => TemplateNumber.Of(Python.Length(frame.Budget, value)),
        ["count"] = (frame, value, _) => TemplateNumber.Of(Python.Length(frame.Budget, value)),
        ["string"] = (frame, value, _) => Python.Text(frame.Budget, value),
        ["safe"] = (_, value, _) => value,
        ["trim"] = (frame, value, arguments) => Strings.Strip(frame.Budget, Python.Text(frame.Budget, value), Methods.Optional(arguments.Bind("trim", "chars")[0], "chars"), true, true),
        ["upper"] = (frame, value, arguments) => Methods.OfText["upper"](frame, Python.Text(frame.Budget, value), arguments),
        ["lower"] = (frame, value, arguments) => Methods.OfText["lower"](frame, Python.Text(frame.Budget, value), arguments),
        ["capitalize"] = (frame, value, arguments) => Methods.OfText["capitalize"](frame, Python.Text(frame.Budget, value), arguments),
        ["replace"] = (frame, value, arguments) => Methods.OfText["replace"](frame, Python.Text(frame.Budget, value), arguments),
        ["default"] = Default,
        ["d"] = Default,
        ["first"] = (frame, value, _) => Python.Iterate(frame.Budget, value) is [var first, ..] ? first : new Undefined("No first item, sequence was empty."),
        ["last"] = (frame, value, _) => Python.Iterate(frame.Budget, value) is [.., var last] ? last : new Undefined("No last item, sequence was empty."),
        ["list"] = (frame, value, _) => new TemplateList(Python.Iterate(frame.Budget, value)),
        ["reverse"] = (frame, value, _) => Python.Slice(frame.Budget, value, null, null, TemplateNumber.Of(-1)),
        ["items"] = Items,
        ["join"] = Join,
        ["int"] = ToInt,
        ["float"] = (_, value, arguments) => ToFloat(value) ?? Given(arguments.Bind("float", "default")[0], TemplateNumber.Float(0)),
        ["abs"] = (frame, value, _) => Python.Compare(value, TemplateNumber.Of(0)) < 0 ? Python.Arithmetic(frame.Budget, "-", TemplateNumber.Of(0), value) : value,
        ["map"] = Map,
        ["select"] = (frame, value, arguments) => Select(frame, value, arguments, attribute: false, keep: true),
        ["reject"] = (frame, value, arguments) => Select(frame, value, arguments, attribute: false, keep: false),
        ["selectattr"] = (frame, value, arguments) => Select(frame, value, arguments, attribute: true, keep: true),
        ["rejectattr"] = (frame, value, arguments) => Select(frame, value, arguments, attribute: true, keep: false),
    };

    private static TemplateText ToJson(Frame frame, object? value, Arguments arguments)
    {
        var bound = arguments.Bind("tojson", "ensure_ascii", "indent", "separators", "sort_keys");
        const int MostIndent = 64;
        var indent = Given(bound[1], null) switch
        {
            null => null,
            TemplateText text => text.Value,
            var count => new string(' ', Math.Clamp(Python.Integer(count, "indent"), 0, MostIndent)),
        };
        var separators = Given(bound[2], null) is TemplateList { Items: [TemplateText item, TemplateText key] } ? (item.Value, key.Value) : (indent is null ? ", " : ",", ": ");
        return new PythonJson(frame.Budget, indent, separators.Item1, separators.Item2, Python.Truth(Given(bound[0], false)), Python.Truth(Given(bound[3], false))).Dump(value);
    }

    private static object? Default(Frame frame, object? value, Arguments arguments)
    {
        var bound = arguments.Bind("default", "default_value", "boolean");
        var falls = value is Undefined || (Python.Truth(Given(bound[1], false)) && !Python.Truth(value));
        return falls ? Given(bound[0], TemplateText.Empty) : value;
    }

    private static object? Items(Frame frame, object? value, Arguments arguments) => value switch
    {
        Undefined => new TemplateList([]),
        TemplateDict => Methods.OfDict["items"](frame, value, arguments),
        _ => throw new TemplateException("Can only get item pairs from a mapping."),
    };

    private static TemplateText Join(Frame frame, object? value, Arguments arguments)
    {
        var bound = arguments.Bind("join", "d", "attribute");
        var items = Python.Iterate(frame.Budget, value);
        if (Methods.Optional(bound[1], "attribute") is { } path)
        {
            items = [.. items.Select(item => Member(frame, item, path))];
        }

        return Python.Join(frame.Budget, Python.Text(frame.Budget, Given(bound[0], TemplateText.Empty)), items);
    }

    private static object? ToInt(Frame frame, object? value, Arguments arguments)
    {
        var fallback = Given(arguments.Bind("int", "default")[0], TemplateNumber.Of(0));
        if (value is TemplateText text && BigInteger.TryParse(text.Value.Trim(), System.Globalization.NumberStyles.AllowLeadingSign, System.Globalization.CultureInfo.InvariantCulture, out var whole))
        {
            return TemplateNumber.Of(whole);
        }

        return Python.Number(value) is { IsWhole: true } number ? number
            : ToFloat(value) is { } real && double.IsFinite(real.Real) ? TemplateNumber.Of(new BigInteger(Math.Truncate(real.Real)))
            : fallback;
    }

    private static TemplateNumber? ToFloat(object? value)
    {
        if (value is TemplateText text)
        {
            return double.TryParse(text.Value.Trim(), System.Globalization.NumberStyles.Float, System.Globalization.CultureInfo.InvariantCulture, out var parsed) ? TemplateNumber.Float(parsed) : null;
        }

        return Python.Number(value) is { } number ? TemplateNumber.Float(number.Real) : null;
    }

    private static TemplateList Map(Frame frame, object? value, Arguments arguments)
    {
        var items = Python.Iterate(frame.Budget, value);
        if (arguments.Positional.Count == 0)
        {
            var bound = arguments.Bind("map", "attribute", "default");
            var path = Methods.Text(bound[0], "attribute").Value;
            return new TemplateList([.. items.Select(item => Member(frame, item, path) is var member && member is Undefined && !ReferenceEquals(bound[1], Arguments.Missing) ? bound[1] : member)]);
        }

        var (name, rest) = Named(arguments, 0, All, "filter");
        return new TemplateList([.. items.Select(item => Counted(frame, All[name], item, rest))]);
    }

    private static TemplateList Select(Frame frame, object? value, Arguments arguments, bool attribute, bool keep)
    {
        var at = attribute ? 1 : 0;
        var path = attribute ? Methods.Text(arguments.Positional.ElementAtOrDefault(0), "attribute").Value : null;
        Func<object?, bool> test = Python.Truth;
        if (arguments.Positional.Count > at)
        {
            var (name, rest) = Named(arguments, at, Tests.All, "test");
            test = item => Python.Truth(Counted(frame, Tests.All[name], item, rest));
        }

        return new TemplateList([.. Python.Iterate(frame.Budget, value).Where(item => test(path is null ? item : Member(frame, item, path)) == keep)]);
    }

    /// <summary>The filter or test that an argument names, and the arguments after it.</summary>
    private static (string Name, Arguments Remaining) Named(Arguments arguments, int at, IReadOnlyDictionary<string, Operation> known, string kind)
    {
        var name = Methods.Text(arguments.Positional[at], kind).Value;
        return known.ContainsKey(name)
            ? (name, arguments with { Positional = [.. arguments.Positional.Skip(at + 1)] })
            : throw new TemplateException($"{kind} '{name}' is not supported; supported: {string.Join(", ", known.Keys)}");
    }

    /// <summary>One item's work, counted: filters may call filters.</summary>
    private static object? Counted(Frame frame, Operation operation, object? item, Arguments arguments)
    {
        frame.Budget.Spend(1);
        frame.Budget.Enter();
        var result = operation(frame, item, arguments);
        frame.Budget.Leave();
        return result;
    }

    /// <summary>An item's member by a path with dots.</summary>
    private static object? Member(Frame frame, object? item, string path)
    {
        foreach (var part in path.Split('.'))
        {
            frame.Budget.Spend(1);
            item = Python.Item(frame.Budget, item, part.Length > 0 && part.All(char.IsAsciiDigit) ? TemplateNumber.FromSource(part) : TemplateText.Trust(part));
        }

        return item;
    }

    private static object? Given(object? argument, object? otherwise) => ReferenceEquals(argument, Arguments.Missing) ? otherwise : argument;
}
