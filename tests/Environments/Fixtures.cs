namespace Axpo.Environments.Tests;

/// <summary>Reference cases: the folder named by AXPO_FIXTURES, else the repository's own copy.</summary>
internal static class Fixtures
{
    public static string Root => Environment.GetEnvironmentVariable("AXPO_FIXTURES") is { Length: > 0 } asked ? asked : Own();

    public static string Questions(params string[] path) => Path.Combine([Root, "questions", .. path]);

    private static string Own()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var fixtures = Path.Combine(folder.FullName, "tests", "fixtures");
            if (Directory.Exists(fixtures))
            {
                return fixtures;
            }
        }

        throw new DirectoryNotFoundException("tests/fixtures is not above the test program");
    }
}
