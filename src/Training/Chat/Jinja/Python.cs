using System.Globalization;
using System.Numerics;


namespace Axpo.Training.Chat.Jinja;

/// <summary>How Python sees values: truth, equality, order, arithmetic, <c>str()</c>, indexing by code point.</summary>
internal static class Python
{
    /// <summary>Values inside each other that comparing and printing follow.</summary>
    private const int MostNested = 100;

    /// <summary>Name of a value's type.</summary>
    public static string TypeOf(object? value) => value switch
    {
        null => "None",
        bool => "bool",
        TemplateNumber n => n.IsWhole ? "int" : "float",
        TemplateText => "str",
        TemplateList => "list",
        TemplateDict => "dict",
        TemplateNamespace => "namespace",
        Undefined => "Undefined",
        _ => "function",
    };

    /// <summary>Whether a value counts as true.</summary>
    public static bool Truth(object? value) => value switch
    {
        null or Undefined => false,
        bool b => b,
        TemplateNumber n => n.IsWhole ? !n.Whole.IsZero : n.Real != 0,
        TemplateText t => t.Length > 0,
        TemplateList l => l.Items.Count > 0,
        TemplateDict d => d.Count > 0,
        _ => true,
    };

    /// <summary><c>==</c>.</summary>
    public static bool Equal(Budget budget, object? a, object? b, int nested = 0)
    {
        budget.Spend(1);
        if (nested > MostNested)
        {
            throw new TemplateException($"compares values nested deeper than {MostNested} levels");
        }

        if (Number(a) is { } x && Number(b) is { } y)
        {
            return x.IsWhole && y.IsWhole ? x.Whole == y.Whole : x.Real == y.Real;
        }

        switch (a, b)
        {
            case (null, null) or (Undefined, Undefined):
                return true;
            case (TemplateText s, TemplateText t):
                budget.Spend(Math.Min(s.Length, t.Length));
                return s.Value == t.Value;
            case (TemplateList s, TemplateList t):
                return s.Items.Count == t.Items.Count && s.Items.Zip(t.Items).All(p => Equal(budget, p.First, p.Second, nested + 1));
            case (TemplateDict s, TemplateDict t):
                return s.Count == t.Count && s.Items.All(p => t.TryGet(p.Key.Value, out var other) && Equal(budget, p.Value, other, nested + 1));
            default:
                return a is not null && b is not null && ReferenceEquals(a, b);
        }
    }

    /// <summary>Order of two numbers or two texts.</summary>
    /// <exception cref="TemplateException">They have no order.</exception>
    public static int Compare(object? a, object? b)
    {
        if (Number(a) is { } x && Number(b) is { } y)
        {
            return x.IsWhole && y.IsWhole ? x.Whole.CompareTo(y.Whole) : x.Real.CompareTo(y.Real);
        }

        return a is TemplateText s && b is TemplateText t
            ? string.CompareOrdinal(s.Value, t.Value)
            : throw new TemplateException($"'<' not supported between instances of '{TypeOf(a)}' and '{TypeOf(b)}'{Why(a, b)}");
    }

    /// <summary><c>in</c>.</summary>
    public static bool Contains(Budget budget, object? container, object? item)
    {
        switch (container)
        {
            case TemplateText text when item is TemplateText part:
                budget.Spend(text.Length);
                return text.Value.Contains(part.Value, StringComparison.Ordinal);
            case TemplateText:
                throw new TemplateException($"'in <string>' requires string as left operand, not {TypeOf(item)}{Why(item, null)}");
            case TemplateDict dict:
                return item is TemplateText key && dict.TryGet(key.Value, out _);
            default:
                return Iterate(budget, container).Any(other => Equal(budget, other, item));
        }
    }

    /// <summary>Items of a list, keys of a dictionary, characters of a text; nothing of Undefined.</summary>
    /// <exception cref="TemplateException">It cannot be iterated.</exception>
    public static IReadOnlyList<object?> Iterate(Budget budget, object? value)
    {
        switch (value)
        {
            case TemplateList list:
                return list.Items;
            case TemplateDict dict:
                budget.Spend(dict.Count);
                return [.. dict.Items.Select(p => p.Key)];
            case TemplateText text:
                budget.Spend(text.Length);
                return [.. Characters(text)];
            case Undefined:
                return [];
            default:
                throw new TemplateException($"'{TypeOf(value)}' object is not iterable");
        }
    }

    /// <summary><c>len()</c>, in code points.</summary>
    public static int Length(Budget budget, object? value)
    {
        switch (value)
        {
            case TemplateText text:
                budget.Spend(text.Length);
                return text.Value.EnumerateRunes().Count();
            case TemplateList list:
                return list.Items.Count;
            case TemplateDict dict:
                return dict.Count;
            case Undefined:
                return 0;
            default:
                throw new TemplateException($"object of type '{TypeOf(value)}' has no len()");
        }
    }

    /// <summary><c>a[b]</c>; Undefined where there is no such item.</summary>
    /// <exception cref="TemplateException"><paramref name="value"/> is itself Undefined.</exception>
    public static object? Item(Budget budget, object? value, object? key)
    {
        switch (value)
        {
            case Undefined undefined:
                throw new TemplateException(undefined.Why);
            case TemplateDict dict when key is TemplateText name && dict.TryGet(name.Value, out var found):
                return found;
            case TemplateNamespace space when key is TemplateText name && space.Attributes.TryGetValue(name.Value, out var found):
                return found;
            case TemplateList or TemplateText when Number(key) is { IsWhole: true } number:
                var items = Iterate(budget, value);
                var index = number.Whole < 0 ? number.Whole + items.Count : number.Whole;
                if (index >= 0 && index < items.Count)
                {
                    return items[(int)index];
                }

                break;
            default:
                break;
        }

        var shown = key is TemplateText text ? $"attribute '{text.Value}'" : "such item";
        return new Undefined($"'{TypeOf(value)} object' has no {shown}");
    }

    /// <summary><c>a[from:to:step]</c>.</summary>
    /// <exception cref="TemplateException">It cannot be sliced.</exception>
    public static object? Slice(Budget budget, object? value, object? from, object? to, object? step)
    {
        if (value is not (TemplateList or TemplateText))
        {
            throw new TemplateException(value is Undefined undefined ? undefined.Why : $"'{TypeOf(value)}' object cannot be sliced");
        }

        var items = Iterate(budget, value);
        var by = step is null ? 1 : Integer(step, "a slice's step");
        if (by == 0)
        {
            throw new TemplateException("slice step cannot be zero");
        }

        var (low, high) = by > 0 ? (0, items.Count) : (-1, items.Count - 1);
        var start = from is null ? (by > 0 ? low : high) : Bound(from);
        var end = to is null ? (by > 0 ? high : low) : Bound(to);
        var picked = new List<object?>();
        for (long i = start; by > 0 ? i < end : i > end; i += by)
        {
            picked.Add(items[(int)i]);
        }

        budget.Spend(picked.Count);
        return value is TemplateList ? new TemplateList(picked) : Join(budget, TemplateText.Empty, picked);

        int Bound(object? bound)
        {
            var index = Integer(bound, "a slice's bound");
            return Math.Clamp(index < 0 ? index + items.Count : index, low, high);
        }
    }

    /// <summary>A whole number that fits 32 bits; larger ones are cut to that.</summary>
    /// <exception cref="TemplateException">It is no integer.</exception>
    public static int Integer(object? value, string what) => Number(value) is { IsWhole: true } number
        ? (int)BigInteger.Clamp(number.Whole, int.MinValue / 2, int.MaxValue / 2)
        : throw new TemplateException($"{what} must be an integer, not '{TypeOf(value)}'");

    /// <summary>A value as a number; true and false count as 1 and 0. Null if it is none.</summary>
    public static TemplateNumber? Number(object? value) => value switch
    {
        TemplateNumber number => number,
        bool flag => TemplateNumber.Of(flag ? BigInteger.One : BigInteger.Zero),
        _ => null,
    };

    /// <summary><c>+ - * / // % **</c>.</summary>
    /// <exception cref="TemplateException">Python refuses it.</exception>
    public static object? Arithmetic(Budget budget, string operation, object? a, object? b)
    {
        if (Number(a) is { } x && Number(b) is { } y)
        {
            return x.IsWhole && y.IsWhole && operation != "/" ? OfWhole(operation, x.Whole, y.Whole) : OfReal(operation, x.Real, y.Real);
        }

        switch (operation, a, b)
        {
            case ("+", TemplateText s, TemplateText t):
                return Join(budget, TemplateText.Empty, [s, t]);
            case ("+", TemplateList s, TemplateList t):
                budget.Spend(s.Items.Count + t.Items.Count);
                return new TemplateList([.. s.Items, .. t.Items]);
            case ("*", TemplateText s, TemplateNumber { IsWhole: true }):
                return Join(budget, TemplateText.Empty, Repeat(budget, [s], s.Length, b));
            case ("*", TemplateList s, TemplateNumber { IsWhole: true }):
                return new TemplateList(Repeat(budget, s.Items, s.Items.Count, b));
            case ("%", TemplateText, _):
                throw new TemplateException("formatting with '%' is not supported; use '~'");
            default:
                throw new TemplateException($"unsupported operand type(s) for {operation}: '{TypeOf(a)}' and '{TypeOf(b)}'{Why(a, b)}");
        }
    }

    /// <summary><c>str()</c>.</summary>
    public static TemplateText Text(Budget budget, object? value)
    {
        if (value is TemplateText text)
        {
            return text;
        }

        var builder = new TemplateText.Builder();
        if (value is not Undefined)
        {
            Print(budget, builder, value, 0);
        }

        return builder.Done();
    }

    /// <summary>Texts, with something between them.</summary>
    public static TemplateText Join(Budget budget, TemplateText between, IReadOnlyList<object?> values)
    {
        var builder = new TemplateText.Builder();
        for (var i = 0; i < values.Count; i++)
        {
            var text = Text(budget, values[i]);
            budget.Spend(text.Length + between.Length);
            builder.Append(i > 0 ? between : TemplateText.Empty).Append(text);
        }

        return builder.Done();
    }

    /// <summary>White space as Python's <c>str.isspace</c> has it.</summary>
    public static bool IsSpace(char c) => char.IsWhiteSpace(c) || c is >= '\u001C' and <= '\u001F';

    private static IEnumerable<TemplateText> Characters(TemplateText text)
    {
        for (var i = 0; i < text.Length;)
        {
            var size = char.IsSurrogatePair(text.Value, i) ? 2 : 1;
            yield return text.Slice(i, i + size);
            i += size;
        }
    }

    private static List<object?> Repeat(Budget budget, IReadOnlyList<object?> items, int size, object? times)
    {
        var count = Math.Max(0, Integer(times, "a factor"));
        budget.Spend((long)Math.Max(1, size) * count);
        return [.. Enumerable.Repeat(items, count).SelectMany(i => i)];
    }

    private static TemplateNumber OfWhole(string operation, BigInteger x, BigInteger y)
    {
        const int MostPower = 10_000;
        if (y.IsZero && operation is "//" or "%")
        {
            throw new TemplateException("division by zero");
        }

        return operation switch
        {
            "+" => TemplateNumber.Of(x + y),
            "-" => TemplateNumber.Of(x - y),
            "*" => TemplateNumber.Of(x * y),
            "//" => TemplateNumber.Of(FloorDivide(x, y)),
            "%" => TemplateNumber.Of(x - (FloorDivide(x, y) * y)),
            _ when y < 0 => OfReal("**", (double)x, (double)y),
            _ when BigInteger.Abs(x) <= BigInteger.One || y * x.GetBitLength() <= MostPower => TemplateNumber.Of(Power(x, y)),
            _ => throw new TemplateException("a power is too large"),
        };
    }

    private static BigInteger Power(BigInteger x, BigInteger y) =>
        x.IsZero || x.IsOne ? (y.IsZero ? BigInteger.One : x) : x == BigInteger.MinusOne ? (y.IsEven ? BigInteger.One : x) : BigInteger.Pow(x, (int)y);

    private static BigInteger FloorDivide(BigInteger x, BigInteger y)
    {
        var quotient = BigInteger.DivRem(x, y, out var rest);
        return !rest.IsZero && rest.Sign != y.Sign ? quotient - 1 : quotient;
    }

    private static TemplateNumber OfReal(string operation, double x, double y)
    {
        if (y == 0 && operation is "/" or "//" or "%")
        {
            throw new TemplateException("division by zero");
        }

        return TemplateNumber.Float(operation switch
        {
            "+" => x + y,
            "-" => x - y,
            "*" => x * y,
            "/" => x / y,
            "//" => Math.Floor(x / y),
            "%" => x - (Math.Floor(x / y) * y),
            _ => Math.Pow(x, y),
        });
    }

    private static void Print(Budget budget, TemplateText.Builder builder, object? value, int nested)
    {
        budget.Spend(1);
        if (nested > MostNested)
        {
            throw new TemplateException($"prints values nested deeper than {MostNested} levels");
        }

        switch (value)
        {
            case null:
                builder.Append("None");
                break;
            case bool flag:
                builder.Append(flag ? "True" : "False");
                break;
            case TemplateNumber number:
                budget.Spend(number.Text.Length);
                builder.Append(number.Text);
                break;
            case TemplateText text:
                budget.Spend(text.Length);
                PrintQuoted(builder, text);
                break;
            case TemplateList list:
                Between(list.Items, "[", "]", item => Print(budget, builder, item, nested + 1));
                break;
            case TemplateDict dict:
                Between(dict.Items, "{", "}", pair =>
                {
                    Print(budget, builder, pair.Key, nested + 1);
                    builder.Append(": ");
                    Print(budget, builder, pair.Value, nested + 1);
                });
                break;
            default:
                throw new TemplateException($"a {TypeOf(value)} cannot be printed");
        }

        void Between<T>(IEnumerable<T> items, string open, string close, Action<T> print)
        {
            builder.Append(open);
            var isFirst = true;
            foreach (var item in items)
            {
                builder.Append(isFirst ? "" : ", ");
                isFirst = false;
                print(item);
            }

            builder.Append(close);
        }
    }

    /// <summary><c>repr()</c> of a text.</summary>
    private static void PrintQuoted(TemplateText.Builder builder, TemplateText text)
    {
        var quote = text.Value.Contains('\'', StringComparison.Ordinal) && !text.Value.Contains('"', StringComparison.Ordinal) ? '"' : '\'';
        builder.Append(quote.ToString());
        for (var i = 0; i < text.Length; i++)
        {
            var c = text.Value[i];
            var escaped = c switch
            {
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                _ when c == quote => "\\" + c,
                < ' ' or '\u007F' => string.Create(CultureInfo.InvariantCulture, $"\\x{(int)c:x2}"),
                _ => c.ToString(),
            };
            builder.Append(escaped, text.Untrusted.Length > 0 && text.Untrusted[i]);
        }

        builder.Append(quote.ToString());
    }

    private static string Why(object? a, object? b) => a is Undefined u ? $" ({u.Why})" : b is Undefined v ? $" ({v.Why})" : "";
}
