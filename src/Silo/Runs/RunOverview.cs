using Axpo.Grains.Abstractions;
using Axpo.Silo.Hosting;
using Axpo.Silo.Storage;

namespace Axpo.Silo.Runs;

/// <summary>Where a run stands, as far as its files say.</summary>
public enum RunState
{
    /// <summary>It was never started.</summary>
    Created,

    /// <summary>A process hosts it.</summary>
    Running,

    /// <summary>It was killed; it can be resumed.</summary>
    Interrupted,

    /// <summary>It has failed; it can be resumed once what is wrong is mended.</summary>
    Failed,

    /// <summary>It stopped by itself before it would have trained on ruins; resumed, it tries again.</summary>
    Paused,

    /// <summary>A person stopped it; it can be resumed.</summary>
    Cancelled,

    /// <summary>It ended as planned.</summary>
    Done,

    /// <summary>A cluster hosts it: its files say only how far it came.</summary>
    OnCluster,
}

/// <summary>A run by its files.</summary>
public sealed record RunOverview
{
    /// <summary>What it was asked to do.</summary>
    public required RunManifest Manifest { get; init; }

    /// <summary>Where it stands.</summary>
    public required RunState State { get; init; }

    /// <summary>The process that hosts it; null if none does.</summary>
    public RunProcess? Process { get; init; }

    /// <summary>Why it failed, paused or was stopped; null otherwise.</summary>
    public string? Message { get; init; }

    /// <summary>Metrics in order of steps.</summary>
    public required IReadOnlyList<MetricsRow> Rows { get; init; }

    /// <summary>Committed training steps.</summary>
    public int Step => Rows is [.., var last] ? last.Step : 0;

    /// <summary>The command that goes on with it; null if there is nothing to go on with.</summary>
    public string? Resume => State is RunState.Running or RunState.Done or RunState.OnCluster ? null
        : $"axpo runs resume {Manifest.Name}" + (Manifest.Cluster is { } cluster ? $" --connect HOST:PORT --cluster {cluster}" : "");
}

/// <summary>Reads where runs stand; nothing is written, no silo is needed.</summary>
public sealed class RunOverviews(RunFolders folders)
{
    private readonly RunManifests _manifests = new(folders);
    private readonly FileRunLog _log = new(folders);

    /// <summary>A run.</summary>
    /// <exception cref="KeyNotFoundException">There is none of that name.</exception>
    public async ValueTask<RunOverview> ReadAsync(string run, CancellationToken cancellationToken) => await OfAsync(await _manifests.ReadAsync(run, cancellationToken), cancellationToken);

    /// <summary>Every run, newest first.</summary>
    public async ValueTask<IReadOnlyList<RunOverview>> ListAsync(CancellationToken cancellationToken)
    {
        var overviews = new List<RunOverview>();
        foreach (var manifest in await _manifests.ListAsync(cancellationToken))
        {
            overviews.Add(await OfAsync(manifest, cancellationToken));
        }

        return overviews;
    }

    private async ValueTask<RunOverview> OfAsync(RunManifest manifest, CancellationToken cancellationToken)
    {
        var process = RunClaim.Holder(folders, manifest.Name);
        var rows = await _log.ReadAsync(manifest.Name, cancellationToken);
        var end = await _log.ReadEndAsync(manifest.Name, cancellationToken);
        var begun = rows.Count > 0 || File.Exists(Path.Combine(folders.Of(manifest.Name), ".lock"));
        return new RunOverview
        {
            Manifest = manifest,
            State = process is not null ? RunState.Running : IsDone(manifest, rows) ? RunState.Done : Ended(end?.Phase) ?? (manifest.Cluster is not null ? RunState.OnCluster : begun ? RunState.Interrupted : RunState.Created),
            Process = process,
            Message = process is null ? end?.Message : null,
            Rows = rows,
        };
    }

    private static RunState? Ended(RunPhase? phase) => phase switch
    {
        RunPhase.Failed => RunState.Failed,
        RunPhase.Paused => RunState.Paused,
        RunPhase.Cancelled => RunState.Cancelled,
        _ => null,
    };

    /// <summary>The row of the last step is written after its evaluation: it is the last thing that a run does.</summary>
    private static bool IsDone(RunManifest manifest, IReadOnlyList<MetricsRow> rows) =>
        rows is [.., var last] && (manifest.Kind != RunKind.Train || last.Step == manifest.Configuration.Steps || IsSpent(manifest.Configuration, rows));

    private static bool IsSpent(RunConfiguration configuration, IReadOnlyList<MetricsRow> rows) =>
        configuration.TokenBudget is > 0 and var budget && rows.Sum(r => r.Train?.SampledTokens ?? 0) >= budget;
}
