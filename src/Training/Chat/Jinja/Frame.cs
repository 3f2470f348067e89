namespace Axpo.Training.Chat.Jinja;

/// <summary>What one rendering has cost so far.</summary>
internal sealed class Budget(TemplateLimits limits)
{
    private long _steps;
    private int _depth;

    /// <summary>The limits.</summary>
    public TemplateLimits Limits => limits;

    /// <summary>Counts work before it is done.</summary>
    /// <exception cref="TemplateException">It is too much.</exception>
    public void Spend(long steps)
    {
        _steps += steps;
        if (_steps > limits.Steps || steps < 0)
        {
            throw new TemplateException($"takes more than {limits.Steps} steps");
        }
    }

    /// <summary>Goes one level deeper; <see cref="Leave"/> comes back.</summary>
    /// <exception cref="TemplateException">It is too deep.</exception>
    public void Enter()
    {
        if (++_depth > limits.Depth)
        {
            throw new TemplateException($"nests deeper than {limits.Depth} levels");
        }
    }

    /// <summary>Comes back from a level.</summary>
    public void Leave() => _depth--;
}

/// <summary>Variables of a scope: a loop's body and a macro's have their own, and what they set ends with them.</summary>
internal sealed class Frame
{
    private readonly Frame? _parent;
    private readonly Dictionary<string, object?> _variables = new(StringComparer.Ordinal);

    /// <summary>The outermost scope.</summary>
    public Frame(Budget budget, IReadOnlyDictionary<string, object?> variables)
    {
        Budget = budget;
        foreach (var (name, value) in variables)
        {
            _variables[name] = value;
        }
    }

    /// <summary>A scope inside another.</summary>
    public Frame(Frame parent) => (_parent, Budget) = (parent, parent.Budget);

    /// <summary>What the rendering has cost.</summary>
    public Budget Budget { get; }

    /// <summary>A variable's value; Undefined if no scope has it.</summary>
    public object? Get(string name)
    {
        for (var frame = this; frame is not null; frame = frame._parent)
        {
            if (frame._variables.TryGetValue(name, out var value))
            {
                return value;
            }
        }

        return new Undefined($"'{name}' is undefined");
    }

    /// <summary>Sets a variable of this scope.</summary>
    public void Set(string name, object? value) => _variables[name] = value;

    /// <summary>Value of an expression, counted.</summary>
    public object? Evaluate(Expression expression)
    {
        Budget.Spend(1);
        Budget.Enter();
        var value = expression.Evaluate(this);
        Budget.Leave();
        return value;
    }
}

/// <summary>Arguments of a call.</summary>
internal sealed record Arguments(IReadOnlyList<object?> Positional, IReadOnlyDictionary<string, object?> Named)
{
    /// <summary>No arguments.</summary>
    public static Arguments None { get; } = new([], new Dictionary<string, object?>(StringComparer.Ordinal));

    /// <summary>Where an argument was not given.</summary>
    public static object Missing { get; } = new();

    /// <summary>Values by parameter, <see cref="Missing"/> where there is none.</summary>
    /// <exception cref="TemplateException">There are more, or others.</exception>
    public object?[] Bind(string what, params ReadOnlySpan<string> parameters)
    {
        if (Positional.Count > parameters.Length)
        {
            throw new TemplateException($"{what} takes {parameters.Length} arguments, not {Positional.Count}");
        }

        var values = new object?[parameters.Length];
        Array.Fill(values, Missing);
        for (var i = 0; i < Positional.Count; i++)
        {
            values[i] = Positional[i];
        }

        foreach (var (name, value) in Named)
        {
            var index = parameters.IndexOf(name);
            if (index < 0 || !ReferenceEquals(values[index], Missing))
            {
                throw new TemplateException($"{what} has no argument '{name}', or has it twice");
            }

            values[index] = value;
        }

        return values;
    }
}
