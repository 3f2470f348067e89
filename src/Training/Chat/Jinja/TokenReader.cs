namespace Axpo.Training.Chat.Jinja;

/// <summary>Tokens of a template one after the other, for the parser.</summary>
internal sealed class TokenReader(string name, IReadOnlyList<Token> tokens)
{
    /// <summary>Statements and expressions inside each other that a template may have: a bound on the parser's own recursion.</summary>
    private const int MostNested = 100;

    private int _at;
    private int _nested;

    /// <summary>The token that is read next.</summary>
    public Token Current => tokens[_at];

    /// <summary>The token after that one.</summary>
    public Token Peek() => tokens[Math.Min(_at + 1, tokens.Count - 1)];

    /// <summary>Reads a token.</summary>
    public Token Next() => Current.Kind == TokenKind.End ? Current : tokens[_at++];

    /// <summary>Reads a token of a kind.</summary>
    /// <exception cref="InvalidDataException">Another one stands there.</exception>
    public Token Expect(TokenKind kind) => Current.Kind == kind ? Next() : throw Wrong($"{Shown(Current)} stands where {Shown(new Token(kind, "", 0))} must be");

    /// <summary>Reads an operator.</summary>
    /// <exception cref="InvalidDataException">Something else stands there.</exception>
    public void ExpectOperator(string text)
    {
        if (!SkipOperator(text))
        {
            throw Wrong($"{Shown(Current)} stands where '{text}' must be");
        }
    }

    /// <summary>Reads a keyword.</summary>
    /// <exception cref="InvalidDataException">Something else stands there.</exception>
    public void ExpectName(string text)
    {
        if (!SkipName(text))
        {
            throw Wrong($"{Shown(Current)} stands where '{text}' must be");
        }
    }

    /// <summary>Reads an operator if it stands there.</summary>
    public bool SkipOperator(string text) => Skip(TokenKind.Operator, text);

    /// <summary>Reads a keyword if it stands there.</summary>
    public bool SkipName(string text) => Skip(TokenKind.Name, text);

    /// <summary>Whether an operator stands there.</summary>
    public bool IsOperator(params ReadOnlySpan<string> texts) => Current.Kind == TokenKind.Operator && texts.Contains(Current.Text);

    /// <summary>Goes one level deeper.</summary>
    /// <exception cref="InvalidDataException">It is too deep.</exception>
    public void Enter()
    {
        if (++_nested > MostNested)
        {
            throw Wrong($"nests deeper than {MostNested} levels");
        }
    }

    /// <summary>Comes back from a level.</summary>
    public void Leave() => _nested--;

    /// <summary>What to throw where the template is wrong.</summary>
    public InvalidDataException Wrong(string what) => new($"{name}:{Current.Line}: {what}");

    /// <summary>What to throw where the template is right and not supported.</summary>
    public NotSupportedException Unsupported(string kind, Token token, IEnumerable<string> supported) =>
        new($"{name}:{token.Line}: {kind} '{token.Text}' is not supported; supported: {string.Join(", ", supported)}");

    private bool Skip(TokenKind kind, string text)
    {
        var stands = Current.Kind == kind && Current.Text == text;
        _at += stands ? 1 : 0;
        return stands;
    }

    private static string Shown(Token token) => token.Kind switch
    {
        TokenKind.OpenOutput => "'{{'",
        TokenKind.CloseOutput => "'}}'",
        TokenKind.OpenStatement => "'{%'",
        TokenKind.CloseStatement => "'%}'",
        TokenKind.End => "the end of the template",
        TokenKind.Name when token.Text.Length == 0 => "a name",
        _ => $"'{token.Text}'",
    };
}
