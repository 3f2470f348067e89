using Axpo.Core;
using Axpo.Training.Models;
using Microsoft.Extensions.Logging;

namespace Axpo.Training.Generation;

/// <summary>Finds the thread layout of an engine.</summary>
internal static class ThreadLayouts
{
    private static readonly Lock _measuring = new();

    /// <summary>As configured; else as stored; else measured and stored. Without a store nothing is measured.</summary>
    /// <param name="decoder">The model.</param>
    /// <param name="options">The engine.</param>
    /// <param name="store">Where measured layouts are; null: nowhere.</param>
    /// <param name="logger">Where to say what was measured.</param>
    public static ThreadLayout For(Decoder decoder, EngineOptions options, ThreadLayoutStore? store, ILogger logger) =>
        For(options, store, decoder.Config, cores =>
        {
            using var probe = new ThreadLayoutProbe(decoder, options.Deterministic);
            var times = probe.Measure(cores);
            EngineLog.Measured(logger, string.Join(", ", times.Select(t => FormattableString.Invariant($"{t.Rows} rows on {t.Workers}: {1000 * t.Seconds:F2} ms"))));
            return times;
        });

    /// <summary>The same with times from anywhere; tests give their own.</summary>
    public static ThreadLayout For(EngineOptions options, ThreadLayoutStore? store, DecoderConfig config, Func<int, IReadOnlyList<StepTime>> measure)
    {
        if (options.Workers > 0)
        {
            return new ThreadLayout(options.Workers, ThreadLayout.UsualRows);
        }

        if (store is null)
        {
            return ThreadLayout.Unmeasured;
        }

        // One at a time: two engines that start together would measure each other.
        lock (_measuring)
        {
            var key = ThreadLayoutStore.Key(config, options.Deterministic);
            if (store.Read(key) is { } known)
            {
                return known;
            }

            var layout = ThreadLayoutChoice.Of(measure(Environment.ProcessorCount));
            store.Write(key, layout);
            return layout;
        }
    }
}
