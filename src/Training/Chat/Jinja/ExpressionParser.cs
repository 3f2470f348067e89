namespace Axpo.Training.Chat.Jinja;

/// <summary>Tokens to expressions, with Jinja2's precedence (<c>parser.py</c>).</summary>
internal sealed class ExpressionParser(TokenReader tokens)
{
    private readonly HashSet<string> _defined = new(StringComparer.Ordinal);
    private readonly List<Token> _called = [];

    /// <summary>Notes a name that the template itself sets: it may be called.</summary>
    public string Define(string name)
    {
        _defined.Add(name);
        return name;
    }

    /// <summary>Refuses functions that are neither known nor set by the template.</summary>
    /// <exception cref="NotSupportedException">There is one.</exception>
    public void CheckCalls()
    {
        foreach (var token in _called)
        {
            if (!_defined.Contains(token.Text) && !Functions.Known.Contains(token.Text))
            {
                throw tokens.Unsupported("function", token, Functions.Known);
            }
        }
    }

    /// <summary>An expression, or several with commas, which make a tuple.</summary>
    public Expression ParseTuple(bool withCondition = true)
    {
        var first = withCondition ? Parse() : ParseOr();
        if (!tokens.IsOperator(","))
        {
            return first;
        }

        var items = new List<Expression> { first };
        while (tokens.SkipOperator(","))
        {
            if (tokens.Current.Kind is TokenKind.CloseOutput or TokenKind.CloseStatement || tokens.IsOperator(")"))
            {
                break;
            }

            items.Add(withCondition ? Parse() : ParseOr());
        }

        return new ListLiteral(items);
    }

    /// <summary>An expression.</summary>
    public Expression Parse()
    {
        tokens.Enter();
        var value = ParseOr();
        while (tokens.SkipName("if"))
        {
            var test = ParseOr();
            value = new Conditional(test, value, tokens.SkipName("else") ? Parse() : null);
        }

        tokens.Leave();
        return value;
    }

    private Expression ParseOr()
    {
        var left = ParseAnd();
        while (tokens.SkipName("or"))
        {
            left = new Logic(false, left, ParseAnd());
        }

        return left;
    }

    private Expression ParseAnd()
    {
        var left = ParseNot();
        while (tokens.SkipName("and"))
        {
            left = new Logic(true, left, ParseNot());
        }

        return left;
    }

    private Expression ParseNot()
    {
        if (!tokens.SkipName("not"))
        {
            return ParseComparison();
        }

        tokens.Enter();
        var operand = ParseNot();
        tokens.Leave();
        return new Not(operand);
    }

    private Expression ParseComparison()
    {
        var first = ParseSum();
        var rest = new List<(string, Expression)>();
        while (true)
        {
            if (tokens.IsOperator("==", "!=", "<", "<=", ">", ">="))
            {
                rest.Add((tokens.Next().Text, ParseSum()));
            }
            else if (tokens.SkipName("in"))
            {
                rest.Add(("in", ParseSum()));
            }
            else if (tokens.Current is { Kind: TokenKind.Name, Text: "not" } && tokens.Peek() is { Kind: TokenKind.Name, Text: "in" })
            {
                tokens.Next();
                tokens.Next();
                rest.Add(("not in", ParseSum()));
            }
            else
            {
                return rest.Count == 0 ? first : new Comparison(first, rest);
            }
        }
    }

    private Expression ParseSum()
    {
        var left = ParseConcatenation();
        while (tokens.IsOperator("+", "-"))
        {
            left = new Binary(tokens.Next().Text, left, ParseConcatenation());
        }

        return left;
    }

    private Expression ParseConcatenation()
    {
        var parts = new List<Expression> { ParseProduct() };
        while (tokens.SkipOperator("~"))
        {
            parts.Add(ParseProduct());
        }

        return parts.Count == 1 ? parts[0] : new Concatenation(parts);
    }

    private Expression ParseProduct()
    {
        var left = ParsePower();
        while (tokens.IsOperator("*", "/", "//", "%"))
        {
            left = new Binary(tokens.Next().Text, left, ParsePower());
        }

        return left;
    }

    private Expression ParsePower()
    {
        var left = ParseUnary(withFilter: true);
        while (tokens.SkipOperator("**"))
        {
            left = new Binary("**", left, ParseUnary(withFilter: true));
        }

        return left;
    }

    private Expression ParseUnary(bool withFilter)
    {
        tokens.Enter();
        var value = tokens.IsOperator("-", "+") ? new Sign(tokens.Next().Text, ParseUnary(withFilter: false)) : ParsePrimary();
        value = ParsePostfix(value);
        value = withFilter ? ParseFilters(value) : value;
        tokens.Leave();
        return value;
    }

    private Expression ParsePrimary()
    {
        var token = tokens.Current;
        switch (token.Kind)
        {
            case TokenKind.Name:
                tokens.Next();
                return token.Text switch
                {
                    "true" or "True" => new Constant(true),
                    "false" or "False" => new Constant(false),
                    "none" or "None" => new Constant(null),
                    _ => ParseVariable(token),
                };
            case TokenKind.Number:
                tokens.Next();
                var number = TemplateNumber.FromSource(token.Text);
                return new Constant(number.IsWhole ? number : TemplateNumber.Float(number.Real));
            case TokenKind.String:
                var text = tokens.Next().Text;
                while (tokens.Current.Kind == TokenKind.String)
                {
                    text += tokens.Next().Text;
                }

                return new Constant(TemplateText.Trust(text));
            default:
                return ParseBracket();
        }
    }

    private Variable ParseVariable(Token token)
    {
        if (tokens.IsOperator("("))
        {
            _called.Add(token);
        }

        return new Variable(token.Text);
    }

    private Expression ParseBracket()
    {
        if (tokens.SkipOperator("("))
        {
            if (tokens.SkipOperator(")"))
            {
                return new ListLiteral([]);
            }

            var value = ParseTuple();
            tokens.ExpectOperator(")");
            return value;
        }

        if (tokens.SkipOperator("["))
        {
            return new ListLiteral(ParseItems("]", Parse));
        }

        if (tokens.SkipOperator("{"))
        {
            return new DictLiteral(ParseItems("}", () =>
            {
                var key = Parse();
                tokens.ExpectOperator(":");
                return (key, Parse());
            }));
        }

        throw tokens.Wrong($"'{tokens.Current.Text}' stands where a value must be");
    }

    private List<T> ParseItems<T>(string end, Func<T> parse)
    {
        var items = new List<T>();
        while (!tokens.SkipOperator(end))
        {
            if (items.Count > 0)
            {
                tokens.ExpectOperator(",");
                if (tokens.SkipOperator(end))
                {
                    break;
                }
            }

            items.Add(parse());
        }

        return items;
    }

    private Expression ParsePostfix(Expression value)
    {
        while (true)
        {
            if (tokens.SkipOperator("."))
            {
                value = ParseMember(value);
            }
            else if (tokens.SkipOperator("["))
            {
                value = ParseSubscript(value);
            }
            else if (tokens.SkipOperator("("))
            {
                value = new Call(value, ParseArguments());
            }
            else
            {
                return value;
            }
        }
    }

    private Expression ParseMember(Expression value)
    {
        var token = tokens.Next();
        if (token.Kind == TokenKind.Number)
        {
            return new Subscript(value, new Constant(TemplateNumber.FromSource(token.Text)));
        }

        if (token.Kind != TokenKind.Name)
        {
            throw tokens.Wrong($"'{token.Text}' stands where a name must be");
        }

        if (tokens.IsOperator("(") && !Methods.Known.Contains(token.Text))
        {
            throw tokens.Unsupported("method", token, Methods.Known);
        }

        return new Attribute(value, token.Text);
    }

    private Expression ParseSubscript(Expression value)
    {
        var bounds = new Expression?[3];
        var (colons, isBound) = (0, false);
        while (!tokens.SkipOperator("]"))
        {
            if (tokens.SkipOperator(":") && ++colons < bounds.Length)
            {
                isBound = false;
            }
            else if (isBound || colons >= bounds.Length)
            {
                throw tokens.Wrong($"'{tokens.Current.Text}' stands where ']' must be");
            }
            else
            {
                bounds[colons] = Parse();
                isBound = true;
            }
        }

        return colons > 0 ? new SliceOf(value, bounds[0], bounds[1], bounds[2])
            : bounds[0] is { } key ? new Subscript(value, key)
            : throw tokens.Wrong("'[]' holds no index");
    }

    private ArgumentList ParseArguments()
    {
        var positional = new List<Expression>();
        var named = new List<(string Name, Expression Value)>();
        ParseItems(")", () =>
        {
            if (tokens.IsOperator("*", "**"))
            {
                throw tokens.Unsupported("argument", tokens.Current, ["arguments one by one"]);
            }

            if (tokens.Current.Kind == TokenKind.Name && tokens.Peek() is { Kind: TokenKind.Operator, Text: "=" })
            {
                var name = tokens.Next().Text;
                tokens.Next();
                if (named.Any(n => n.Name == name))
                {
                    throw tokens.Wrong($"argument '{name}' stands twice");
                }

                named.Add((name, Parse()));
            }
            else if (named.Count > 0)
            {
                throw tokens.Wrong("an argument without a name follows one with a name");
            }
            else
            {
                positional.Add(Parse());
            }

            return true;
        });
        return new ArgumentList(positional, named);
    }

    private Expression ParseFilters(Expression value)
    {
        while (true)
        {
            if (tokens.SkipOperator("|"))
            {
                var token = tokens.Expect(TokenKind.Name);
                if (!Filters.All.ContainsKey(token.Text))
                {
                    throw tokens.Unsupported("filter", token, Filters.All.Keys);
                }

                value = new Filtered(value, token.Text, tokens.SkipOperator("(") ? ParseArguments() : ArgumentList.None);
            }
            else if (tokens.SkipName("is"))
            {
                value = ParseTest(value);
            }
            else if (tokens.SkipOperator("("))
            {
                value = new Call(value, ParseArguments());
            }
            else
            {
                return value;
            }
        }
    }

    private Expression ParseTest(Expression value)
    {
        var isNot = tokens.SkipName("not");
        var token = tokens.Expect(TokenKind.Name);
        if (!Tests.All.ContainsKey(token.Text))
        {
            throw tokens.Unsupported("test", token, Tests.All.Keys);
        }

        var arguments = ArgumentList.None;
        if (tokens.SkipOperator("("))
        {
            arguments = ParseArguments();
        }
        else if (tokens.Current.Kind is TokenKind.String or TokenKind.Number
            || tokens.IsOperator("[", "{")
            || tokens.Current is { Kind: TokenKind.Name, Text: not ("else" or "or" or "and" or "is" or "if" or "in" or "not") })
        {
            arguments = new ArgumentList([ParsePostfix(ParsePrimary())], []);
        }

        Expression test = new Tested(value, token.Text, arguments);
        return isNot ? new Not(test) : test;
    }
}
