namespace Axpo.Silo.Reports;

/// <summary>What every page has around its content: one HTML file (well-formed XML too) that needs no other file, no network and no script.</summary>
internal static class Page
{
    /// <summary>Renders a page.</summary>
    /// <param name="title">Its title.</param>
    /// <param name="main">Its content.</param>
    public static string Render(string title, Markup main) => Markup.Of($"""
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8"/>
        <meta name="viewport" content="width=device-width, initial-scale=1"/>
        <meta name="color-scheme" content="light dark"/>
        <meta name="referrer" content="no-referrer"/>
        <title>{title}</title>
        <style>{PageStyle.Sheet}</style>
        </head>
        <body>
        <main>
        {main}
        </main>
        </body>
        </html>

        """).Text;
}
