namespace Axpo.Training.Chat.Jinja;

/// <summary>What one rendering may cost; passing a limit is a <see cref="TemplateException"/> that names it.</summary>
public sealed record TemplateLimits
{
    /// <summary>Nodes evaluated, plus characters and items that were made or searched.</summary>
    public long Steps { get; init; } = 1 << 26;

    /// <summary>UTF-16 units of output.</summary>
    public int Output { get; init; } = 1 << 23;

    /// <summary>Expressions, statements, macros and values inside each other.</summary>
    public int Depth { get; init; } = 200;

    /// <summary>Items of a <c>range()</c>.</summary>
    public int Range { get; init; } = 100_000;
}
