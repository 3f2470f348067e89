using Axpo.Grains.Operations;
using Axpo.Grains.Placement;

namespace Axpo.Grains.Runs;

/// <summary>Context tokens that a run's engines computed once more (after eviction, or a change of weights), by their own counters.</summary>
internal sealed class RefilledTokens(string run, IEngineDirectory engines, IGrainFactory grains)
{
    private readonly Dictionary<string, long> _seen = new(StringComparer.Ordinal);

    /// <summary>How many since the last time. An engine that started anew counts from 0; one that does not answer counts next time, if it lives.</summary>
    public async Task<long> TakeAsync()
    {
        var sum = 0L;
        foreach (var engine in engines.Live)
        {
            try
            {
                if (await grains.GetGrain<IPolicyGrain>($"{run}/{engine}").StatusAsync() is { } status)
                {
                    var seen = _seen.GetValueOrDefault(engine);
                    sum += status.RefilledTokens - (status.RefilledTokens < seen ? 0 : seen);
                    _seen[engine] = status.RefilledTokens;
                }
            }
            catch (Exception e) when (LostCalls.IsLost(e))
            {
                // A figure of a run is no reason to wait.
                _ = e;
            }
        }

        return sum;
    }
}
