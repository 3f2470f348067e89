namespace Axpo.Training.Chat.Jinja;

/// <summary>Tokens to statements. Whatever the language has and this subset has not is refused here, by name and line.</summary>
internal sealed class Parser
{
    private static readonly string[] Supported = ["if", "for", "set", "macro", "break", "continue", "generation", "raw"];

    private readonly TokenReader _tokens;
    private readonly ExpressionParser _expressions;
    private int _loops;

    private Parser(TokenReader tokens) => (_tokens, _expressions) = (tokens, new ExpressionParser(tokens));

    /// <summary>Reads a template.</summary>
    /// <exception cref="InvalidDataException">It is no template.</exception>
    /// <exception cref="NotSupportedException">It uses something that is not supported.</exception>
    public static Block Parse(string name, string source)
    {
        var tokens = new TokenReader(name, Lexer.Read(name, source));
        var parser = new Parser(tokens);
        var block = parser.ParseBlock();
        if (tokens.Current.Kind != TokenKind.End)
        {
            throw tokens.Wrong($"'{tokens.Peek().Text}' ends nothing that is open");
        }

        parser._expressions.CheckCalls();
        return block;
    }

    /// <summary>Statements up to the end of the template, or to a tag that begins with one of these words, which is left to the caller.</summary>
    private Block ParseBlock(params ReadOnlySpan<string> ends)
    {
        var statements = new List<Statement>();
        _tokens.Enter();
        while (_tokens.Current is { Kind: not TokenKind.End } token)
        {
            switch (token.Kind)
            {
                case TokenKind.Data:
                    _tokens.Next();
                    statements.Add(new Data(token.Line, TemplateText.Trust(token.Text)));
                    break;
                case TokenKind.OpenOutput:
                    _tokens.Next();
                    statements.Add(new Print(token.Line, _expressions.ParseTuple()));
                    _tokens.Expect(TokenKind.CloseOutput);
                    break;
                default:
                    if (ends.Contains(_tokens.Peek().Text) || _tokens.Peek().Text is "else" or "elif" || _tokens.Peek().Text.StartsWith("end", StringComparison.Ordinal))
                    {
                        _tokens.Leave();
                        return new Block(statements);
                    }

                    _tokens.Next();
                    statements.Add(ParseStatement());
                    break;
            }
        }

        _tokens.Leave();
        return new Block(statements);
    }

    private Statement ParseStatement()
    {
        var token = _tokens.Expect(TokenKind.Name);
        switch (token.Text)
        {
            case "if":
                return ParseIf(token.Line);
            case "for":
                return ParseFor(token.Line);
            case "set":
                return ParseSet(token.Line);
            case "macro":
                return ParseMacro(token.Line);
            case "generation":
                _tokens.Expect(TokenKind.CloseStatement);
                var body = ParseBlock("endgeneration");
                End("endgeneration");
                return new Generation(token.Line, body);
            case "break" or "continue" when _loops > 0:
                _tokens.Expect(TokenKind.CloseStatement);
                return new Jump(token.Line, token.Text == "break" ? Flow.Break : Flow.Continue);
            case "break" or "continue":
                throw _tokens.Wrong($"'{token.Text}' stands outside of a loop");
            default:
                throw _tokens.Unsupported("statement", token, Supported);
        }
    }

    private If ParseIf(int line)
    {
        var branches = new List<(Expression? Test, Block Body)>();
        Expression? test = _expressions.ParseTuple();
        while (true)
        {
            _tokens.Expect(TokenKind.CloseStatement);
            branches.Add((test, ParseBlock("elif", "else", "endif")));
            var word = EndWord(test is null ? ["endif"] : ["elif", "else", "endif"]);
            switch (word)
            {
                case "endif":
                    _tokens.Expect(TokenKind.CloseStatement);
                    return new If(line, branches);
                case "else":
                    test = null;
                    break;
                default:
                    test = _expressions.ParseTuple();
                    break;
            }
        }
    }

    private For ParseFor(int line)
    {
        var target = ParseNames("in");
        _tokens.ExpectName("in");
        var items = _expressions.ParseTuple(withCondition: false);
        var filter = _tokens.SkipName("if") ? _expressions.Parse() : null;
        if (_tokens.Current is { Kind: TokenKind.Name, Text: "recursive" } recursive)
        {
            throw _tokens.Unsupported("option of 'for'", recursive, ["if"]);
        }

        _tokens.Expect(TokenKind.CloseStatement);
        _loops++;
        var body = ParseBlock("else", "endfor");
        _loops--;
        Block? otherwise = null;
        if (EndWord("else", "endfor") == "else")
        {
            _tokens.Expect(TokenKind.CloseStatement);
            otherwise = ParseBlock("endfor");
            EndWord("endfor");
        }

        _tokens.Expect(TokenKind.CloseStatement);
        return new For(line, target, items, filter, body, otherwise);
    }

    private Set ParseSet(int line)
    {
        Target target;
        if (_tokens.Current.Kind == TokenKind.Name && _tokens.Peek() is { Kind: TokenKind.Operator, Text: "." })
        {
            var name = _tokens.Expect(TokenKind.Name).Text;
            _tokens.Next();
            target = new Target([name], _tokens.Expect(TokenKind.Name).Text);
        }
        else
        {
            target = ParseNames("=");
        }

        if (_tokens.SkipOperator("="))
        {
            var value = _expressions.ParseTuple();
            _tokens.Expect(TokenKind.CloseStatement);
            return new Set(line, target, value, null);
        }

        _tokens.Expect(TokenKind.CloseStatement);
        var body = ParseBlock("endset");
        End("endset");
        return new Set(line, target, null, body);
    }

    private Macro ParseMacro(int line)
    {
        var name = _expressions.Define(_tokens.Expect(TokenKind.Name).Text);
        var parameters = new List<(string, Expression?)>();
        _tokens.ExpectOperator("(");
        while (!_tokens.SkipOperator(")"))
        {
            if (parameters.Count > 0)
            {
                _tokens.ExpectOperator(",");
            }

            var parameter = _expressions.Define(_tokens.Expect(TokenKind.Name).Text);
            parameters.Add((parameter, _tokens.SkipOperator("=") ? _expressions.Parse() : null));
        }

        _tokens.Expect(TokenKind.CloseStatement);
        var loops = _loops;
        _loops = 0;
        var body = ParseBlock("endmacro");
        _loops = loops;
        EndWord("endmacro");
        _tokens.SkipName(name);
        _tokens.Expect(TokenKind.CloseStatement);
        return new Macro(line, name, parameters, body);
    }

    private Target ParseNames(string end)
    {
        var isTuple = _tokens.SkipOperator("(");
        var names = new List<string> { _expressions.Define(_tokens.Expect(TokenKind.Name).Text) };
        while (_tokens.SkipOperator(","))
        {
            names.Add(_expressions.Define(_tokens.Expect(TokenKind.Name).Text));
        }

        if (isTuple)
        {
            _tokens.ExpectOperator(")");
        }

        return _tokens.Current.Kind is TokenKind.Name or TokenKind.Operator or TokenKind.CloseStatement
            ? new Target(names)
            : throw _tokens.Wrong($"names must be followed by '{end}'");
    }

    private void End(string word)
    {
        EndWord(word);
        _tokens.Expect(TokenKind.CloseStatement);
    }

    private string EndWord(params ReadOnlySpan<string> words)
    {
        if (_tokens.Current.Kind == TokenKind.End || !words.Contains(_tokens.Peek().Text))
        {
            var found = _tokens.Current.Kind == TokenKind.End ? "the template ends" : $"'{_tokens.Peek().Text}' stands";
            throw _tokens.Wrong($"{found} where '{words[^1]}' must be");
        }

        _tokens.Next();
        return _tokens.Next().Text;
    }
}
