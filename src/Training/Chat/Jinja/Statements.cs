namespace Axpo.Training.Chat.Jinja;

/// <summary>How a statement ended.</summary>
internal enum Flow
{
    /// <summary>The next one follows.</summary>
    Next,

    /// <summary>The loop goes on with its next item.</summary>
    Continue,

    /// <summary>The loop ends.</summary>
    Break,
}

/// <summary>Output under its limit.</summary>
internal sealed class Output(Budget budget)
{
    private readonly TemplateText.Builder _builder = new();

    /// <summary>Appends text.</summary>
    /// <exception cref="TemplateException">It is too much.</exception>
    public void Write(TemplateText text)
    {
        budget.Spend(text.Length);
        if (_builder.Length + (long)text.Length > budget.Limits.Output)
        {
            throw new TemplateException($"writes more than {budget.Limits.Output} characters");
        }

        _builder.Append(text);
    }

    /// <summary>What was written.</summary>
    public TemplateText Done() => _builder.Done();
}

/// <summary>A statement; rendered through <see cref="Block.Render"/>, which counts it.</summary>
/// <param name="Line">Line of the template, from 1.</param>
internal abstract record Statement(int Line)
{
    /// <summary>Renders it.</summary>
    public abstract Flow Render(Frame frame, Output output);
}

/// <summary>Statements in order.</summary>
internal sealed record Block(IReadOnlyList<Statement> Statements)
{
    /// <summary>Renders them.</summary>
    /// <exception cref="TemplateException">One failed; the message begins with its line.</exception>
    public Flow Render(Frame frame, Output output)
    {
        frame.Budget.Enter();
        foreach (var statement in Statements)
        {
            Flow flow;
            try
            {
                frame.Budget.Spend(1);
                flow = statement.Render(frame, output);
            }
            catch (TemplateException e) when (!e.Message.StartsWith("line ", StringComparison.Ordinal))
            {
                throw new TemplateException($"line {statement.Line}: {e.Message}");
            }

            if (flow != Flow.Next)
            {
                frame.Budget.Leave();
                return flow;
            }
        }

        frame.Budget.Leave();
        return Flow.Next;
    }

    /// <summary>Renders them into a text of their own.</summary>
    public TemplateText Capture(Frame frame)
    {
        var output = new Output(frame.Budget);
        Render(frame, output);
        return output.Done();
    }
}

/// <summary>Text of the template.</summary>
internal sealed record Data(int Line, TemplateText Text) : Statement(Line)
{
    /// <inheritdoc/>
    public override Flow Render(Frame frame, Output output)
    {
        output.Write(Text);
        return Flow.Next;
    }
}

/// <summary><c>{{ .. }}</c>.</summary>
internal sealed record Print(int Line, Expression Value) : Statement(Line)
{
    /// <inheritdoc/>
    public override Flow Render(Frame frame, Output output)
    {
        output.Write(Python.Text(frame.Budget, frame.Evaluate(Value)));
        return Flow.Next;
    }
}

/// <summary><c>{% if %}</c>; the branch without a test is the <c>else</c>.</summary>
internal sealed record If(int Line, IReadOnlyList<(Expression? Test, Block Body)> Branches) : Statement(Line)
{
    /// <inheritdoc/>
    public override Flow Render(Frame frame, Output output)
    {
        foreach (var (test, body) in Branches)
        {
            if (test is null || Python.Truth(frame.Evaluate(test)))
            {
                return body.Render(frame, output);
            }
        }

        return Flow.Next;
    }
}

/// <summary>Where a value goes: a name, several, or an attribute of a namespace.</summary>
internal sealed record Target(IReadOnlyList<string> Names, string? Attribute = null)
{
    /// <summary>Puts a value there.</summary>
    /// <exception cref="TemplateException">It does not fit.</exception>
    public void Assign(Frame frame, object? value)
    {
        if (Attribute is not null)
        {
            var space = frame.Get(Names[0]) as TemplateNamespace ?? throw new TemplateException("cannot assign attribute on non-namespace object");
            space.Attributes[Attribute] = value;
        }
        else if (Names.Count == 1)
        {
            frame.Set(Names[0], value);
        }
        else
        {
            var items = Python.Iterate(frame.Budget, value);
            if (items.Count != Names.Count)
            {
                throw new TemplateException($"{items.Count} values for {Names.Count} names");
            }

            for (var i = 0; i < Names.Count; i++)
            {
                frame.Set(Names[i], items[i]);
            }
        }
    }
}

/// <summary><c>{% set %}</c>, of a value or of a block.</summary>
internal sealed record Set(int Line, Target Target, Expression? Value, Block? Body) : Statement(Line)
{
    /// <inheritdoc/>
    public override Flow Render(Frame frame, Output output)
    {
        Target.Assign(frame, Value is not null ? frame.Evaluate(Value) : Body!.Capture(new Frame(frame)));
        return Flow.Next;
    }
}

/// <summary><c>{% for %}</c>: each round has a scope of its own.</summary>
internal sealed record For(int Line, Target Target, Expression Items, Expression? Filter, Block Body, Block? Otherwise) : Statement(Line)
{
    /// <inheritdoc/>
    public override Flow Render(Frame frame, Output output)
    {
        var items = Python.Iterate(frame.Budget, frame.Evaluate(Items));
        if (Filter is not null)
        {
            items = [.. items.Where(item => Python.Truth(Round(frame, item).Evaluate(Filter)))];
        }

        for (var i = 0; i < items.Count; i++)
        {
            var round = Round(frame, items[i]);
            round.Set("loop", new LoopState(items, i));
            if (Body.Render(round, output) == Flow.Break)
            {
                break;
            }
        }

        return items.Count == 0 && Otherwise is not null ? Otherwise.Render(frame, output) : Flow.Next;
    }

    private Frame Round(Frame frame, object? item)
    {
        frame.Budget.Spend(1);
        var round = new Frame(frame);
        Target.Assign(round, item);
        return round;
    }
}

/// <summary>The <c>loop</c> of a round.</summary>
internal sealed record LoopState(IReadOnlyList<object?> Items, int Index)
{
    /// <summary>One of its attributes; Undefined if there is none of that name.</summary>
    public object? Attribute(string name) => name switch
    {
        "index" => TemplateNumber.Of(Index + 1),
        "index0" => TemplateNumber.Of(Index),
        "revindex" => TemplateNumber.Of(Items.Count - Index),
        "revindex0" => TemplateNumber.Of(Items.Count - Index - 1),
        "length" => TemplateNumber.Of(Items.Count),
        "first" => Index == 0,
        "last" => Index == Items.Count - 1,
        "previtem" => Index > 0 ? Items[Index - 1] : new Undefined("there is no previous item"),
        "nextitem" => Index < Items.Count - 1 ? Items[Index + 1] : new Undefined("there is no next item"),
        "cycle" => (TemplateFunction)((_, arguments) => arguments.Positional.Count > 0
            ? arguments.Positional[Index % arguments.Positional.Count]
            : throw new TemplateException("no items for cycling given")),
        _ => new Undefined($"'loop' has no attribute '{name}'"),
    };
}

/// <summary><c>{% break %}</c> and <c>{% continue %}</c>.</summary>
internal sealed record Jump(int Line, Flow Flow) : Statement(Line)
{
    /// <inheritdoc/>
    public override Flow Render(Frame frame, Output output) => Flow;
}

/// <summary><c>{% generation %}</c>, by which transformers marks what an assistant wrote: rendered as its body.</summary>
internal sealed record Generation(int Line, Block Body) : Statement(Line)
{
    /// <inheritdoc/>
    public override Flow Render(Frame frame, Output output) => Body.Render(new Frame(frame), output);
}

/// <summary><c>{% macro %}</c>.</summary>
internal sealed record Macro(int Line, string Name, IReadOnlyList<(string Name, Expression? Default)> Parameters, Block Body) : Statement(Line)
{
    /// <inheritdoc/>
    public override Flow Render(Frame frame, Output output)
    {
        frame.Set(Name, (TemplateFunction)((caller, arguments) => Invoke(frame, arguments)));
        return Flow.Next;
    }

    private TemplateText Invoke(Frame outer, Arguments arguments)
    {
        var frame = new Frame(outer);
        var values = arguments.Bind($"macro '{Name}'", [.. Parameters.Select(p => p.Name)]);
        for (var i = 0; i < Parameters.Count; i++)
        {
            var (name, fallback) = Parameters[i];
            frame.Set(name, !ReferenceEquals(values[i], Arguments.Missing) ? values[i] : fallback is null ? new Undefined($"parameter '{name}' was not provided") : frame.Evaluate(fallback));
        }

        return Body.Capture(frame);
    }
}
