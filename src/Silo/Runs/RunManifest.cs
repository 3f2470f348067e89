using System.Text.Json;
using Axpo.Grains.Abstractions;
using Axpo.Silo.Storage;

namespace Axpo.Silo.Runs;

/// <summary><c>run.json</c>: what a run was asked to do. Written once, before anything starts.</summary>
public sealed record RunManifest
{
    /// <summary>Name of the run.</summary>
    public required string Name { get; init; }

    /// <summary>What it is for.</summary>
    public required RunKind Kind { get; init; }

    /// <summary>When it was created.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>Hash of the starting model's weights file.</summary>
    public required string ModelSha256 { get; init; }

    /// <summary>Hash of the file of questions; null: it asks suites.</summary>
    public string? QuestionsSha256 { get; init; }

    /// <summary>What it was asked beyond its kind, for a resume of a run that was killed before its own state was written; null: what its kind does by default.</summary>
    public RunRequest? Request { get; init; }

    /// <summary>Name of the cluster that hosts it, where its state is; null: the process that began it, and its own folder.</summary>
    public string? Cluster { get; init; }

    /// <summary>The whole configuration.</summary>
    public required RunConfiguration Configuration { get; init; }
}

/// <summary>Manifests of the runs in a folder.</summary>
public sealed class RunManifests(RunFolders folders)
{
    /// <summary>Creates a run's folder with its manifest.</summary>
    /// <exception cref="InvalidOperationException">A run of that name exists.</exception>
    public async ValueTask CreateAsync(RunManifest manifest, CancellationToken cancellationToken)
    {
        var path = folders.Manifest(manifest.Name);
        if (File.Exists(path))
        {
            throw new InvalidOperationException($"run: '{manifest.Name}' exists; choose another --name, or go on with it: axpo runs resume {manifest.Name}");
        }

        await AtomicFile.WriteAsync(path, JsonSerializer.SerializeToUtf8Bytes(manifest, AxpoJson.Pretty), cancellationToken);
    }

    /// <summary>Reads a run's manifest.</summary>
    /// <exception cref="KeyNotFoundException">There is no run of that name; the message names the nearest one and the newest.</exception>
    public async ValueTask<RunManifest> ReadAsync(string run, CancellationToken cancellationToken)
    {
        var path = folders.Manifest(run);
        if (!File.Exists(path))
        {
            var known = await ListAsync(cancellationToken);
            var near = NearestName.Of(run, known.Select(m => m.Name)) is { } meant ? $"did you mean '{meant}'? " : "";
            var hint = known.Count == 0 ? "there are no runs yet" : $"{near}the newest are " + string.Join(", ", known.Take(5).Select(m => m.Name));
            throw new KeyNotFoundException($"run: there is no '{run}' in {folders.Root}; {hint}");
        }

        return JsonSerializer.Deserialize<RunManifest>(await File.ReadAllBytesAsync(path, cancellationToken), AxpoJson.Pretty)
            ?? throw new InvalidDataException($"{path} is empty");
    }

    /// <summary>Manifests of all runs, newest first.</summary>
    public async ValueTask<IReadOnlyList<RunManifest>> ListAsync(CancellationToken cancellationToken)
    {
        var manifests = new List<RunManifest>();
        if (Directory.Exists(folders.Root))
        {
            foreach (var folder in Directory.EnumerateDirectories(folders.Root))
            {
                var name = Path.GetFileName(folder);
                if (name[0] != '.' && File.Exists(Path.Combine(folder, "run.json")))
                {
                    manifests.Add(await ReadAsync(name, cancellationToken));
                }
            }
        }

        return [.. manifests.OrderByDescending(m => m.Created).ThenByDescending(m => m.Name, StringComparer.Ordinal)];
    }
}
