using System.Collections.Concurrent;
using Orleans.Runtime;
using Orleans.Serialization;
using Orleans.Storage;

namespace Axpo.Testing;

/// <summary>Grain storage in the memory of the test, with ETags: unlike Orleans' memory storage it outlives every silo of the cluster.</summary>
public sealed class SharedGrainStorage
{
    private readonly ConcurrentDictionary<string, (byte[] Data, long Version)> _states = new(StringComparer.Ordinal);

    /// <summary>Keys that hold a state.</summary>
    public IReadOnlyCollection<string> Keys => (IReadOnlyCollection<string>)_states.Keys;

    internal IGrainStorage For(Serializer serializer) => new Provider(this, serializer);

    private sealed class Provider(SharedGrainStorage storage, Serializer serializer) : IGrainStorage
    {
        public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
        {
            if (storage._states.TryGetValue($"{stateName}|{grainId}", out var found))
            {
                grainState.State = serializer.Deserialize<T>(found.Data)!;
                grainState.ETag = Tag(found.Version);
                grainState.RecordExists = true;
            }
            else
            {
                grainState.State = Activator.CreateInstance<T>();
                grainState.ETag = null;
                grainState.RecordExists = false;
            }

            return Task.CompletedTask;
        }

        public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
        {
            var data = serializer.SerializeToArray(grainState.State);
            storage._states.AddOrUpdate(
                $"{stateName}|{grainId}",
                _ => grainState.ETag is null ? (data, 1) : throw Stale(grainId, null, grainState.ETag),
                (_, old) => grainState.ETag == Tag(old.Version) ? (data, old.Version + 1) : throw Stale(grainId, Tag(old.Version), grainState.ETag));
            grainState.ETag = Tag(grainState.ETag is null ? 1 : long.Parse(grainState.ETag, System.Globalization.CultureInfo.InvariantCulture) + 1);
            grainState.RecordExists = true;
            return Task.CompletedTask;
        }

        public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
        {
            storage._states.TryRemove($"{stateName}|{grainId}", out _);
            grainState.State = Activator.CreateInstance<T>();
            grainState.ETag = null;
            grainState.RecordExists = false;
            return Task.CompletedTask;
        }

        private static string Tag(long version) => version.ToString(System.Globalization.CultureInfo.InvariantCulture);

        private static InconsistentStateException Stale(GrainId grain, string? stored, string? current) => new($"state of {grain} was written by another activation", stored ?? "", current ?? "");
    }
}
