using System.Globalization;

namespace Axpo.Training.Chat.Jinja;

/// <summary>Python's <c>json.dumps</c>, as transformers' <c>tojson</c> calls it: no HTML escapes, no sorting, text outside ASCII as it is.</summary>
internal sealed class PythonJson(Budget budget, string? indent, string itemSeparator, string keySeparator, bool ensureAscii, bool sortKeys)
{
    /// <summary>Levels that JSON may have.</summary>
    private const int MostNested = 100;

    private readonly TemplateText.Builder _builder = new();

    /// <summary>JSON of a value in one line.</summary>
    public static TemplateText Write(Budget budget, object? value) => new PythonJson(budget, null, ", ", ": ", false, false).Dump(value);

    /// <summary>JSON of a value.</summary>
    /// <exception cref="TemplateException">It has none.</exception>
    public TemplateText Dump(object? value)
    {
        Write(value, 0);
        return _builder.Done();
    }

    private void Write(object? value, int level)
    {
        budget.Spend(1);
        if (level > MostNested)
        {
            throw new TemplateException($"tojson: nested deeper than {MostNested} levels");
        }

        switch (value)
        {
            case null:
                _builder.Append("null");
                break;
            case bool flag:
                _builder.Append(flag ? "true" : "false");
                break;
            case TemplateNumber number:
                budget.Spend(number.Text.Length);
                _builder.Append(number.Text switch { "nan" => "NaN", "inf" => "Infinity", "-inf" => "-Infinity", var text => text });
                break;
            case TemplateText text:
                WriteText(text);
                break;
            case TemplateList list:
                WriteItems('[', ']', list.Items, level, item => Write(item, level + 1));
                break;
            case TemplateDict dict:
                var pairs = sortKeys ? dict.Items.OrderBy(p => p.Key.Value, StringComparer.Ordinal) : dict.Items;
                WriteItems('{', '}', pairs.ToArray(), level, pair =>
                {
                    WriteText(pair.Key);
                    _builder.Append(keySeparator);
                    Write(pair.Value, level + 1);
                });
                break;
            default:
                throw new TemplateException($"Object of type {Python.TypeOf(value)} is not JSON serializable{(value is Undefined u ? $" ({u.Why})" : "")}");
        }
    }

    private void WriteItems<T>(char open, char close, IReadOnlyList<T> items, int level, Action<T> write)
    {
        _builder.Append(open.ToString());
        for (var i = 0; i < items.Count; i++)
        {
            _builder.Append(i > 0 ? itemSeparator : "");
            Break(level + 1);
            write(items[i]);
        }

        if (items.Count > 0)
        {
            Break(level);
        }

        _builder.Append(close.ToString());
    }

    private void Break(int level)
    {
        if (indent is not null)
        {
            budget.Spend((long)indent.Length * level);
            _builder.Append("\n" + string.Concat(Enumerable.Repeat(indent, level)));
        }
    }

    private void WriteText(TemplateText text)
    {
        budget.Spend(text.Length);
        _builder.Append("\"");
        var start = 0;
        for (var i = 0; i < text.Length; i++)
        {
            if (Escape(text.Value[i]) is { } escaped)
            {
                _builder.Append(text.Slice(start, i));
                _builder.Append(escaped, text.Untrusted.Length > 0 && text.Untrusted[i]);
                start = i + 1;
            }
        }

        _builder.Append(text.Slice(start, text.Length));
        _builder.Append("\"");
    }

    private string? Escape(char c) => c switch
    {
        '"' => "\\\"",
        '\\' => "\\\\",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        '\b' => "\\b",
        '\f' => "\\f",
        < ' ' => Hex(c),
        > '~' when ensureAscii => Hex(c),
        _ => null,
    };

    private static string Hex(char c) => string.Create(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
}
