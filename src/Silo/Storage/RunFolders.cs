namespace Axpo.Silo.Storage;

/// <summary>Where the files of a run are.</summary>
/// <param name="Root">The runs folder.</param>
public sealed record RunFolders(string Root)
{
    /// <summary>Longest name of a run.</summary>
    public const int MaxNameLength = 100;

    /// <summary>Measured thread layouts of engines, by machine and shape of model.</summary>
    public string EngineThreads => Path.Combine(Root, ".engine-threads");

    /// <summary>Folder of a run.</summary>
    /// <exception cref="ArgumentException">The name would not be a safe folder name or grain key.</exception>
    public string Of(string run)
    {
        CheckName(run);
        return Path.Combine(Root, run);
    }

    /// <summary>The stored configuration and question of what the run is.</summary>
    public string Manifest(string run) => Path.Combine(Of(run), "run.json");

    /// <summary>Grain states (one silo).</summary>
    public string State(string run) => Path.Combine(Of(run), "state");

    /// <summary>Metrics, one row a step.</summary>
    public string Metrics(string run) => Path.Combine(Of(run), "metrics.jsonl");

    /// <summary>The drop ledger: of an embedded silo, or of one silo of a cluster.</summary>
    public string Drops(string run, string? silo = null) => Path.Combine(Of(run), silo is null ? "drops.jsonl" : $"drops@{silo}.jsonl");

    /// <summary>How the run ended; there is none while it is under way.</summary>
    public string End(string run) => Path.Combine(Of(run), "end.json");

    /// <summary>The journal of turns.</summary>
    public string Journal(string run) => Path.Combine(Of(run), "turns.db");

    /// <summary>Trajectories.</summary>
    public string Trajectories(string run) => Path.Combine(Of(run), "trajectories");

    /// <summary>Name of the folder with images.</summary>
    public const string ImagesName = "images";

    /// <summary>Images that questions and tools showed, each once.</summary>
    public string Images(string run) => Path.Combine(Of(run), ImagesName);

    /// <summary>The page that sums the run up.</summary>
    public string Report(string run) => Path.Combine(Of(run), "report.html");

    /// <summary>Checkpoints.</summary>
    public string Checkpoints(string run) => Path.Combine(Of(run), "checkpoints");

    /// <summary>Checks a run's name: letters, digits, '-', '_', '.', not starting with a dot.</summary>
    /// <exception cref="ArgumentException">It is none.</exception>
    public static void CheckName(string run)
    {
        if (run.Length is 0 or > MaxNameLength || run[0] == '.' || !run.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'))
        {
            throw new ArgumentException($"run: '{run}' is no name for a run; use 1 to {MaxNameLength} letters, digits, '-', '_' or '.', not starting with a dot", nameof(run));
        }
    }
}
