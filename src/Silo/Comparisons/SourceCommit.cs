using System.Reflection;

namespace Axpo.Silo.Comparisons;

/// <summary>Which source a program was built from.</summary>
public static class SourceCommit
{
    /// <summary>What stands for a commit that nobody knows.</summary>
    public const string Unknown = "unknown";

    /// <summary>The commit that the build wrote into this assembly; else that of the checkout around the program; else <see cref="Unknown"/>.</summary>
    public static string OfThisProgram()
    {
        var built = typeof(SourceCommit).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "";
        return built.IndexOf('+', StringComparison.Ordinal) is >= 0 and var plus ? built[(plus + 1)..] : Of(AppContext.BaseDirectory) ?? Unknown;
    }

    /// <summary>The commit that is checked out where a folder lies, read from git's files; null if there is none.</summary>
    public static string? Of(string folder)
    {
        for (var at = new DirectoryInfo(folder); at is not null; at = at.Parent)
        {
            var git = Path.Combine(at.FullName, ".git");
            if (Directory.Exists(git))
            {
                return Head(git, git);
            }

            if (File.Exists(git) && Line(git) is { } line && line.StartsWith("gitdir: ", StringComparison.Ordinal))
            {
                // A worktree: its own HEAD, the branches of the repository that it belongs to.
                var own = Path.GetFullPath(line["gitdir: ".Length..], at.FullName);
                var common = Line(Path.Combine(own, "commondir"));
                return Head(own, common is null ? own : Path.GetFullPath(common, own));
            }
        }

        return null;
    }

    private static string? Head(string own, string common)
    {
        var head = Line(Path.Combine(own, "HEAD"));
        if (head is null || !head.StartsWith("ref: ", StringComparison.Ordinal))
        {
            return head;
        }

        var name = head["ref: ".Length..];
        var packed = Path.Combine(common, "packed-refs");
        return Line(Path.Combine(common, name))
            ?? (File.Exists(packed) ? File.ReadLines(packed).FirstOrDefault(l => l.EndsWith(" " + name, StringComparison.Ordinal))?.Split(' ')[0] : null);
    }

    private static string? Line(string path) => File.Exists(path) && File.ReadLines(path).FirstOrDefault() is { Length: > 0 } line ? line.Trim() : null;
}
