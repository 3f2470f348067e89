namespace Axpo.Training.Chat.Jinja;

/// <summary>
/// A chat template in the subset of Jinja2 that such templates use, under the settings of transformers (<c>trim_blocks</c>, <c>lstrip_blocks</c>, default Undefined, nothing escaped). It reads nothing but
/// its variables, changes none of them, and is bounded: see <see cref="TemplateLimits"/>. Thread-safe.
/// </summary>
public sealed class JinjaTemplate
{
    private readonly string _name;
    private readonly Block _block;

    private JinjaTemplate(string name, Block block) => (_name, _block) = (name, block);

    /// <summary>Reads a template.</summary>
    /// <param name="name">What messages call it; a path.</param>
    /// <param name="source">Its text.</param>
    /// <exception cref="InvalidDataException">It is no template; the message names the line.</exception>
    /// <exception cref="NotSupportedException">It uses a statement, filter, test, function or method that is not supported; the message names it, its line and what is supported.</exception>
    public static JinjaTemplate Parse(string name, string source)
    {
        ArgumentNullException.ThrowIfNull(source);
        return new JinjaTemplate(name, Parser.Parse(name, source));
    }

    /// <summary>Renders it.</summary>
    /// <param name="variables">Values by name: null, bool, and what this namespace makes of JSON.</param>
    /// <param name="limits">What it may cost.</param>
    /// <exception cref="TemplateException">It raised, did what Python refuses, or passed a limit.</exception>
    internal TemplateText Render(IReadOnlyDictionary<string, object?> variables, TemplateLimits limits)
    {
        var budget = new Budget(limits);
        var frame = new Frame(new Frame(budget, Functions.All));
        foreach (var (name, value) in variables)
        {
            frame.Set(name, value);
        }

        try
        {
            return _block.Capture(frame);
        }
        catch (TemplateException e)
        {
            throw new TemplateException($"{_name}: {e.Message}");
        }
    }
}
