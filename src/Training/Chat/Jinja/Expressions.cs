namespace Axpo.Training.Chat.Jinja;

/// <summary>An expression; evaluated through <see cref="Frame.Evaluate"/>, which counts it.</summary>
internal abstract record Expression
{
    /// <summary>Its value.</summary>
    public abstract object? Evaluate(Frame frame);
}

/// <summary>A constant.</summary>
internal sealed record Constant(object? Value) : Expression
{
    /// <inheritdoc/>
    public override object? Evaluate(Frame frame) => Value;
}

/// <summary>A variable.</summary>
internal sealed record Variable(string Name) : Expression
{
    /// <inheritdoc/>
    public override object? Evaluate(Frame frame) => frame.Get(Name);
}

/// <summary>A list or a tuple.</summary>
internal sealed record ListLiteral(IReadOnlyList<Expression> Items) : Expression
{
    /// <inheritdoc/>
    public override object? Evaluate(Frame frame) => new TemplateList([.. Items.Select(frame.Evaluate)]);
}

/// <summary>A dictionary.</summary>
internal sealed record DictLiteral(IReadOnlyList<(Expression Key, Expression Value)> Items) : Expression
{
    /// <inheritdoc/>
    public override object? Evaluate(Frame frame)
    {
        var dict = new TemplateDict();
        foreach (var (key, value) in Items)
        {
            var name = frame.Evaluate(key) as TemplateText ?? throw new TemplateException("keys of a dictionary must be text");
            dict.Set(name, frame.Evaluate(value));
        }

        return dict;
    }
}

/// <summary><c>and</c>, <c>or</c>: the operand that decides.</summary>
internal sealed record Logic(bool IsAnd, Expression Left, Expression Right) : Expression
{
    /// <inheritdoc/>
    public override object? Evaluate(Frame frame)
    {
        var left = frame.Evaluate(Left);
        return Python.Truth(left) == IsAnd ? frame.Evaluate(Right) : left;
    }
}

/// <summary><c>not</c>.</summary>
internal sealed record Not(Expression Operand) : Expression
{
    /// <inheritdoc/>
    public override object? Evaluate(Frame frame) => !Python.Truth(frame.Evaluate(Operand));
}

/// <summary>A chain of comparisons.</summary>
internal sealed record Comparison(Expression First, IReadOnlyList<(string Operator, Expression Right)> Rest) : Expression
{
    /// <inheritdoc/>
    public override object? Evaluate(Frame frame)
    {
        var left = frame.Evaluate(First);
        foreach (var (operation, expression) in Rest)
        {
            var right = frame.Evaluate(expression);
            if (!Holds(frame.Budget, operation, left, right))
            {
                return false;
            }

            left = right;
        }

        return true;
    }

    /// <summary>Whether one comparison holds.</summary>
    public static bool Holds(Budget budget, string operation, object? left, object? right) => operation switch
    {
        "==" => Python.Equal(budget, left, right),
        "!=" => !Python.Equal(budget, left, right),
        "<" => Python.Compare(left, right) < 0,
        "<=" => Python.Compare(left, right) <= 0,
        ">" => Python.Compare(left, right) > 0,
        ">=" => Python.Compare(left, right) >= 0,
        "in" => Python.Contains(budget, right, left),
        _ => !Python.Contains(budget, right, left),
    };
}

/// <summary><c>+ - * / // % **</c>.</summary>
internal sealed record Binary(string Operator, Expression Left, Expression Right) : Expression
{
    /// <inheritdoc/>
    public override object? Evaluate(Frame frame) => Python.Arithmetic(frame.Budget, Operator, frame.Evaluate(Left), frame.Evaluate(Right));
}

/// <summary><c>~</c>: both sides as text.</summary>
internal sealed record Concatenation(IReadOnlyList<Expression> Parts) : Expression
{
    /// <inheritdoc/>
    public override object? Evaluate(Frame frame) => Python.Join(frame.Budget, TemplateText.Empty, [.. Parts.Select(frame.Evaluate)]);
}

/// <summary>A sign.</summary>
internal sealed record Sign(string Operator, Expression Operand) : Expression
{
    /// <inheritdoc/>
    public override object? Evaluate(Frame frame) => frame.Evaluate(Operand) switch
    {
        TemplateNumber { IsWhole: false } real => TemplateNumber.Float(Operator == "-" ? -real.Real : real.Real),
        var value => Python.Arithmetic(frame.Budget, Operator, TemplateNumber.FromSource("0"), value),
    };
}

/// <summary><c>a if test else b</c>.</summary>
internal sealed record Conditional(Expression Test, Expression Then, Expression? Otherwise) : Expression
{
    /// <inheritdoc/>
    public override object? Evaluate(Frame frame) =>
        Python.Truth(frame.Evaluate(Test)) ? frame.Evaluate(Then)
        : Otherwise is null ? new Undefined("the inline if-expression evaluated to false and no else section was defined")
        : frame.Evaluate(Otherwise);
}

/// <summary><c>a.name</c>: a method of a dictionary or a text hides a key of that name, as in Jinja.</summary>
internal sealed record Attribute(Expression Operand, string Name) : Expression
{
    /// <inheritdoc/>
    public override object? Evaluate(Frame frame)
    {
        var value = frame.Evaluate(Operand);
        return value switch
        {
            LoopState loop => loop.Attribute(Name),
            TemplateDict when Methods.OfDict.ContainsKey(Name) => (TemplateFunction)((f, arguments) => Methods.OfDict[Name](f, value, arguments)),
            TemplateText when Methods.OfText.ContainsKey(Name) => (TemplateFunction)((f, arguments) => Methods.OfText[Name](f, value, arguments)),
            _ => Python.Item(frame.Budget, value, TemplateText.Trust(Name)),
        };
    }
}

/// <summary><c>a[b]</c>.</summary>
internal sealed record Subscript(Expression Operand, Expression Key) : Expression
{
    /// <inheritdoc/>
    public override object? Evaluate(Frame frame) => Python.Item(frame.Budget, frame.Evaluate(Operand), frame.Evaluate(Key));
}

/// <summary><c>a[from:to:step]</c>.</summary>
internal sealed record SliceOf(Expression Operand, Expression? From, Expression? To, Expression? Step) : Expression
{
    /// <inheritdoc/>
    public override object? Evaluate(Frame frame) =>
        Python.Slice(frame.Budget, frame.Evaluate(Operand), Optional(frame, From), Optional(frame, To), Optional(frame, Step));

    private static object? Optional(Frame frame, Expression? expression) => expression is null ? null : frame.Evaluate(expression);
}

/// <summary>Arguments as written.</summary>
internal sealed record ArgumentList(IReadOnlyList<Expression> Positional, IReadOnlyList<(string Name, Expression Value)> Named)
{
    /// <summary>None.</summary>
    public static ArgumentList None { get; } = new([], []);

    /// <summary>Their values.</summary>
    public Arguments Evaluate(Frame frame) => new(
        [.. Positional.Select(frame.Evaluate)],
        Named.ToDictionary(n => n.Name, n => frame.Evaluate(n.Value), StringComparer.Ordinal));
}

/// <summary>A call.</summary>
internal sealed record Call(Expression Callee, ArgumentList Arguments) : Expression
{
    /// <inheritdoc/>
    public override object? Evaluate(Frame frame) => frame.Evaluate(Callee) switch
    {
        TemplateFunction function => function(frame, Arguments.Evaluate(frame)),
        Undefined undefined => throw new TemplateException(undefined.Why),
        var other => throw new TemplateException($"'{Python.TypeOf(other)}' object is not callable"),
    };
}

/// <summary><c>a | filter</c>.</summary>
internal sealed record Filtered(Expression Operand, string Name, ArgumentList Arguments) : Expression
{
    /// <inheritdoc/>
    public override object? Evaluate(Frame frame) => Filters.All[Name](frame, frame.Evaluate(Operand), Arguments.Evaluate(frame));
}

/// <summary><c>a is test</c>.</summary>
internal sealed record Tested(Expression Operand, string Name, ArgumentList Arguments) : Expression
{
    /// <inheritdoc/>
    public override object? Evaluate(Frame frame) => Tests.All[Name](frame, frame.Evaluate(Operand), Arguments.Evaluate(frame));
}
