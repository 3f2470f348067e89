using System.CommandLine;

namespace Axpo.Client;

/// <summary>Options that every command has.</summary>
internal sealed class GlobalOptions
{
    /// <summary>Where runs are if nothing else is said.</summary>
    public const string DefaultRuns = "runs";

    public Option<bool> Json { get; } = new("--json") { Description = "For machines: one JSON document or JSON lines on stdout, errors as JSON on stderr.", Recursive = true };

    public Option<string> Runs { get; } = new("--runs") { Description = "Folder of the runs.", HelpName = "FOLDER", DefaultValueFactory = _ => DefaultRuns, Recursive = true };

    public Option<bool> Verbose { get; } = new("--verbose") { Description = "Stack traces with errors, log entries.", Recursive = true };

    public Option<bool> NoColor { get; } = new("--no-color") { Description = "No colours; so does NO_COLOR in the environment.", Recursive = true };

    /// <summary>Adds them to the root command.</summary>
    public void AddTo(RootCommand root)
    {
        root.Add(Json);
        root.Add(Runs);
        root.Add(Verbose);
        root.Add(NoColor);
    }

    /// <summary>Whether a flag is set, even if the rest of the command line is wrong.</summary>
    public bool IsGiven(ParseResult parsed, Option<bool> flag) => parsed.GetResult(flag) is { Implicit: false } result && (result.Tokens.Count == 0 || result.Tokens[0].Value != "false");
}
