using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Axpo.Training.Chat.Jinja;

/// <summary>Kinds of tokens of a template.</summary>
internal enum TokenKind
{
    /// <summary>Text between tags.</summary>
    Data,

    /// <summary><c>{{</c>.</summary>
    OpenOutput,

    /// <summary><c>}}</c>.</summary>
    CloseOutput,

    /// <summary><c>{%</c>.</summary>
    OpenStatement,

    /// <summary><c>%}</c>.</summary>
    CloseStatement,

    /// <summary>A name or a keyword.</summary>
    Name,

    /// <summary>A string, unescaped.</summary>
    String,

    /// <summary>A number.</summary>
    Number,

    /// <summary>An operator or a bracket.</summary>
    Operator,

    /// <summary>The end of the template.</summary>
    End,
}

/// <summary>A token of a template.</summary>
internal readonly record struct Token(TokenKind Kind, string Text, int Line);

/// <summary>Cuts a template into tokens, with <c>trim_blocks</c> and <c>lstrip_blocks</c> on, as transformers sets them; see Jinja2's <c>lexer.py</c>.</summary>
internal sealed partial class Lexer
{
    private static readonly string[] Operators =
        ["//", "**", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "<", ">", "=", ".", ":", "|", ",", ";", "(", ")", "[", "]", "{", "}"];

    private readonly string _name;
    private readonly string _source;
    private readonly List<Token> _tokens = [];
    private int _at;
    private int _counted;
    private int _line = 1;

    /// <summary>Whether the tag before ended with a newline, so that blanks that follow stand at the start of a line.</summary>
    private bool _startsLine = true;

    private Lexer(string name, string source)
    {
        _name = name;
        var lines = source.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        _source = lines.EndsWith('\n') ? lines[..^1] : lines;
    }

    /// <summary>Tokens of a template; the last is <see cref="TokenKind.End"/>.</summary>
    /// <exception cref="InvalidDataException">It is no template; the message names the line.</exception>
    public static IReadOnlyList<Token> Read(string name, string source)
    {
        var lexer = new Lexer(name, source);
        while (lexer._at < lexer._source.Length)
        {
            lexer.ReadData();
        }

        lexer.Add(TokenKind.End, "");
        return lexer._tokens;
    }

    [GeneratedRegex(@"\G\{%[-+]?\s*raw\s*(-%\}\s*|%\})", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex RawStart();

    [GeneratedRegex(@"\{%(?<sign>[-+]?)\s*endraw\s*(\+%\}|-%\}\s*|%\}\n?)", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex RawEnd();

    [GeneratedRegex(@"\G(\d+_)*\d+((\.(\d+_)*\d+)?[eE][+\-]?(\d+_)*\d+|\.(\d+_)*\d+)?", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Number();

    private void ReadData()
    {
        var open = FindOpen();
        if (open < 0)
        {
            AddData(_source[_at..]);
            _at = _source.Length;
            return;
        }

        var kind = _source[open + 1];
        var sign = open + 2 < _source.Length ? _source[open + 2] : ' ';
        AddData(Strip(_source[_at..open], sign, lstrip: kind != '{'));
        _at = open;
        if (kind == '%' && RawStart().Match(_source, open) is { Success: true } raw)
        {
            ReadRaw(raw);
            return;
        }

        _at = open + (sign is '-' or '+' ? 3 : 2);
        switch (kind)
        {
            case '#':
                SkipComment();
                break;
            case '{':
                ReadTag(TokenKind.OpenOutput, TokenKind.CloseOutput, "}}");
                break;
            default:
                ReadTag(TokenKind.OpenStatement, TokenKind.CloseStatement, "%}");
                break;
        }
    }

    private int FindOpen()
    {
        for (var i = _source.IndexOf('{', _at); i >= 0 && i + 1 < _source.Length; i = _source.IndexOf('{', i + 1))
        {
            if (_source[i + 1] is '{' or '%' or '#')
            {
                return i;
            }
        }

        return -1;
    }

    private string Strip(string text, char sign, bool lstrip)
    {
        if (sign == '-')
        {
            return TrimEnd(text);
        }

        if (lstrip && sign != '+')
        {
            var line = text.LastIndexOf('\n') + 1;
            if ((line > 0 || _startsLine) && text[line..].All(Python.IsSpace))
            {
                return text[..line];
            }
        }

        return text;
    }

    private void ReadRaw(Match start)
    {
        _at = start.Index + start.Length;
        var end = RawEnd().Match(_source, _at);
        if (!end.Success)
        {
            throw Wrong("'raw' has no 'endraw'");
        }

        _startsLine = start.Value.EndsWith('\n');
        AddData(Strip(_source[_at..end.Index], end.Groups["sign"].Value is [var sign] ? sign : ' ', lstrip: true));
        _at = end.Index + end.Length;
        _startsLine = end.Value.EndsWith('\n');
    }

    private void SkipComment()
    {
        var close = _source.IndexOf("#}", _at, StringComparison.Ordinal);
        if (close < 0)
        {
            throw Wrong("a comment has no end");
        }

        Close(close + 2, close > _at ? _source[close - 1] : ' ', trims: true);
    }

    private void ReadTag(TokenKind open, TokenKind close, string end)
    {
        Add(open, "");
        var brackets = new Stack<char>();
        while (true)
        {
            while (_at < _source.Length && Python.IsSpace(_source[_at]))
            {
                _at++;
            }

            if (_at >= _source.Length)
            {
                throw Wrong($"a tag has no '{end}'");
            }

            var sign = _source[_at];
            var offset = sign == '-' || (sign == '+' && close == TokenKind.CloseStatement) ? 1 : 0;
            if (brackets.Count == 0 && string.CompareOrdinal(_source, _at + offset, end, 0, 2) == 0)
            {
                Add(close, "");
                Close(_at + offset + 2, offset == 1 ? sign : ' ', trims: close == TokenKind.CloseStatement);
                return;
            }

            ReadToken(brackets);
        }
    }

    /// <summary>Goes past the end of a tag and what its sign, or <c>trim_blocks</c>, takes with it.</summary>
    private void Close(int end, char sign, bool trims)
    {
        _at = end;
        if (sign == '-')
        {
            while (_at < _source.Length && Python.IsSpace(_source[_at]))
            {
                _at++;
            }
        }
        else if (trims && sign != '+' && _at < _source.Length && _source[_at] == '\n')
        {
            _at++;
        }

        _startsLine = _source[_at - 1] == '\n';
    }

    private void ReadToken(Stack<char> brackets)
    {
        var c = _source[_at];
        if (c is '"' or '\'')
        {
            ReadString(c);
        }
        else if (char.IsAsciiDigit(c))
        {
            // After a dot digits are an index: a.0.1 is no fraction.
            var isIndex = _tokens[^1] is { Kind: TokenKind.Operator, Text: "." };
            var text = isIndex ? new string([.. _source.Skip(_at).TakeWhile(char.IsAsciiDigit)]) : Number().Match(_source, _at).Value;
            Add(TokenKind.Number, text.Replace("_", "", StringComparison.Ordinal));
            _at += text.Length;
        }
        else if (char.IsLetter(c) || c == '_')
        {
            var start = _at;
            while (_at < _source.Length && (char.IsLetterOrDigit(_source[_at]) || _source[_at] == '_'))
            {
                _at++;
            }

            Add(TokenKind.Name, _source[start.._at]);
        }
        else
        {
            var found = Array.Find(Operators, o => string.CompareOrdinal(_source, _at, o, 0, o.Length) == 0) ?? throw Wrong($"'{c}' is no operator");
            Balance(brackets, found[0]);
            Add(TokenKind.Operator, found);
            _at += found.Length;
        }
    }

    private void Balance(Stack<char> brackets, char c)
    {
        if (c is '(' or '[' or '{')
        {
            brackets.Push(c == '(' ? ')' : c == '[' ? ']' : '}');
        }
        else if (c is ')' or ']' or '}' && (!brackets.TryPop(out var expected) || expected != c))
        {
            throw Wrong($"'{c}' closes nothing");
        }
    }

    private void ReadString(char quote)
    {
        var start = ++_at;
        while (_at < _source.Length && _source[_at] != quote)
        {
            _at += _source[_at] == '\\' ? 2 : 1;
        }

        if (_at >= _source.Length)
        {
            throw Wrong("a string has no end");
        }

        Add(TokenKind.String, Unescape(_source[start.._at]));
        _at++;
    }

    /// <summary>Escapes as Python's <c>unicode-escape</c> reads them.</summary>
    private string Unescape(string text)
    {
        var result = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != '\\')
            {
                result.Append(text[i]);
                continue;
            }

            var c = text[++i];
            var digits = c switch { 'x' => 2, 'u' => 4, 'U' => 8, _ => 0 };
            if (digits > 0)
            {
                if (i + digits >= text.Length
                    || !int.TryParse(text.AsSpan(i + 1, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code)
                    || !Rune.IsValid(code))
                {
                    throw Wrong($"'\\{c}' is not followed by {digits} hexadecimal digits of a character");
                }

                result.Append(new Rune(code).ToString());
                i += digits;
                continue;
            }

            if (char.IsAsciiDigit(c) || c == 'N')
            {
                throw new NotSupportedException($"{_name}:{_line}: the escape '\\{c}' is not supported; supported: \\n, \\t, \\r, \\xhh, \\uhhhh, \\Uhhhhhhhh and the like");
            }

            result.Append(c switch
            {
                'n' => "\n",
                't' => "\t",
                'r' => "\r",
                'a' => "\a",
                'b' => "\b",
                'f' => "\f",
                'v' => "\v",
                '\n' => "",
                '\\' or '\'' or '"' => c.ToString(),
                _ => "\\" + c,
            });
        }

        return result.ToString();
    }

    private void AddData(string text)
    {
        if (text.Length > 0)
        {
            Add(TokenKind.Data, text);
        }
    }

    private void Add(TokenKind kind, string text)
    {
        CountLines();
        _tokens.Add(new Token(kind, text, _line));
    }

    private void CountLines()
    {
        for (; _counted < _at && _counted < _source.Length; _counted++)
        {
            _line += _source[_counted] == '\n' ? 1 : 0;
        }
    }

    private InvalidDataException Wrong(string what)
    {
        CountLines();
        return new InvalidDataException($"{_name}:{_line}: {what}");
    }

    private static string TrimEnd(string text)
    {
        var end = text.Length;
        while (end > 0 && Python.IsSpace(text[end - 1]))
        {
            end--;
        }

        return text[..end];
    }
}
