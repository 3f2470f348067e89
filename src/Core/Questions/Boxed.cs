namespace Axpo.Core;

/// <summary>Finds the answer in an answer's text.</summary>
public static class Boxed
{
    private const string Opening = @"\boxed{";

    /// <summary>Content of the last <c>\boxed{}</c> with balanced braces; null if there is none.</summary>
    public static string? Extract(string text)
    {
        for (var at = text.LastIndexOf(Opening, StringComparison.Ordinal); at >= 0; at = at == 0 ? -1 : text.LastIndexOf(Opening, at - 1, StringComparison.Ordinal))
        {
            var start = at + Opening.Length;
            var depth = 1;
            for (var i = start; i < text.Length; i++)
            {
                depth += text[i] switch { '{' => 1, '}' => -1, _ => 0 };
                if (depth == 0)
                {
                    return text[start..i];
                }
            }
        }

        return null;
    }
}
