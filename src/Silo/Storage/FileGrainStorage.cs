using System.Security.Cryptography;
using System.Text;
using Orleans.Runtime;
using Orleans.Serialization;
using Orleans.Storage;

namespace Axpo.Silo.Storage;

/// <summary>
/// Grain states of one silo in <c>runs/{run}/state/</c>, one file a state: whole after any kill, guarded by an ETag. (Orleans' own file storage overwrites in place, so a
/// kill between truncation and write loses the state.) A record is the ETag (16 bytes), then the state in Orleans' own serialization.
/// </summary>
public sealed class FileGrainStorage(RunFolders folders, Serializer serializer) : IGrainStorage
{
    private const int TagBytes = 16;

    /// <inheritdoc/>
    public async Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        if (await Task.Run(() => Read(Path(stateName, grainId))) is not { } record)
        {
            (grainState.State, grainState.ETag, grainState.RecordExists) = (Activator.CreateInstance<T>(), null, false);
            return;
        }

        grainState.State = serializer.Deserialize<T>(record.AsMemory(TagBytes));
        (grainState.ETag, grainState.RecordExists) = (Tag(record), true);
    }

    /// <inheritdoc/>
    public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var tag = Guid.NewGuid();
        byte[] record = [.. tag.ToByteArray(), .. serializer.SerializeToArray(grainState.State)];
        var (path, expected) = (Path(stateName, grainId), grainState.ETag);
        await Task.Run(async () =>
        {
            Check(grainId, Read(path), expected);
            await AtomicFile.WriteAsync(path, record, CancellationToken.None);
        });
        (grainState.ETag, grainState.RecordExists) = (tag.ToString("N"), true);
    }

    /// <inheritdoc/>
    public async Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var (path, expected) = (Path(stateName, grainId), grainState.ETag);
        await Task.Run(() =>
        {
            Check(grainId, Read(path), expected);
            File.Delete(path);
        });
        (grainState.State, grainState.ETag, grainState.RecordExists) = (Activator.CreateInstance<T>(), null, false);
    }

    private static byte[]? Read(string path)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        var record = File.ReadAllBytes(path);
        return record.Length >= TagBytes ? record : throw new InvalidDataException($"{path} holds {record.Length} bytes and is no grain state; another program changed it");
    }

    private static void Check(GrainId grain, byte[]? stored, string? expected)
    {
        var tag = stored is null ? null : Tag(stored);
        if (tag != expected)
        {
            throw new InconsistentStateException($"the state of {grain} was written by another activation", tag ?? "none", expected ?? "none");
        }
    }

    private static string Tag(byte[] record) => new Guid(record.AsSpan(0, TagBytes)).ToString("N");

    /// <summary>A state lives in the folder of its run, which begins the grain's key: a run's folder is the whole run.</summary>
    private string Path(string stateName, GrainId grain)
    {
        var key = grain.Key.ToString() ?? "";
        var slash = key.IndexOf('/', StringComparison.Ordinal);
        var run = slash < 0 ? key : key[..slash];
        var rest = slash < 0 ? "" : "-" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)))[..16];
        return System.IO.Path.Combine(folders.State(run), $"{stateName}{rest}.state");
    }
}
