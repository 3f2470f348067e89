namespace Axpo.Training.Chat.Jinja;

/// <summary>A template could not be rendered with these variables: it raised, did something that Python refuses, or passed a limit. The message names the template and the line.</summary>
public sealed class TemplateException : Exception
{
    /// <summary>Creates the exception.</summary>
    public TemplateException(string message)
        : base(message)
    {
    }
}
