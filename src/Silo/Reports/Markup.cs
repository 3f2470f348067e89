using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace Axpo.Silo.Reports;

/// <summary>
/// Markup that is safe to put on the page. Everything interpolated into <see cref="Of"/> is escaped unless it is markup itself, so hostile text (an observation,
/// an answer) cannot become markup by omission. The page is also well-formed XML.
/// </summary>
internal readonly record struct Markup(string Text)
{
    /// <summary>No markup.</summary>
    public static Markup Empty { get; } = new("");

    /// <summary>Markup from an interpolated string; its literal parts are taken as they are.</summary>
    public static Markup Of(Builder markup) => markup.Done();

    /// <summary>One after the other.</summary>
    public static Markup Join(IEnumerable<Markup> parts) => new(string.Concat(parts.Select(p => p.Text)));

    /// <summary>Text for an element or an attribute. Characters that XML cannot hold become visible stand-ins.</summary>
    public static string Escape(string? text)
    {
        var escaped = new StringBuilder();
        foreach (var rune in (text ?? "").EnumerateRunes())
        {
            _ = rune.Value switch
            {
                '<' => escaped.Append("&lt;"),
                '>' => escaped.Append("&gt;"),
                '&' => escaped.Append("&amp;"),
                '"' => escaped.Append("&quot;"),
                '\'' => escaped.Append("&#39;"),
                '\n' or '\t' => escaped.Append((char)rune.Value),
                < ' ' => escaped.Append((char)(0x2400 + rune.Value)),
                0xFFFE or 0xFFFF => escaped.Append('\uFFFD'),
                _ => escaped.Append(rune.ToString()),
            };
        }

        return escaped.ToString();
    }

    /// <summary>Collects the parts of an interpolated string.</summary>
    [InterpolatedStringHandler]
    internal readonly struct Builder(int literalLength, int formattedCount)
    {
        private readonly StringBuilder _text = new(literalLength + (formattedCount * 16));

        public void AppendLiteral(string literal) => _text.Append(literal);

        public void AppendFormatted(Markup markup) => _text.Append(markup.Text);

        public void AppendFormatted(IEnumerable<Markup> parts)
        {
            foreach (var part in parts)
            {
                _text.Append(part.Text);
            }
        }

        public void AppendFormatted(string? text) => _text.Append(Escape(text));

        public void AppendFormatted(int number) => _text.Append(number.ToString(CultureInfo.InvariantCulture));

        /// <summary>A coordinate: two decimals are a hundredth of a pixel.</summary>
        public void AppendFormatted(double number) => _text.Append(number.ToString("0.##", CultureInfo.InvariantCulture));

        public Markup Done() => new(_text.ToString());
    }
}
