using System.Globalization;
using Axpo.Silo.Hosting;

namespace Axpo.Client;

/// <summary>The clock of this process: the machine's; a wrong one where a test asks for it.</summary>
internal static class Clocks
{
    /// <summary>Seconds by which the clock is wrong, for tests of clusters whose machines disagree.</summary>
    private const string Variable = "AXPO_CLOCK_OFFSET";

    /// <summary>The clock.</summary>
    /// <exception cref="PreflightException">The variable holds no number.</exception>
    public static TimeProvider OfProcess() => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } text
        ? double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds)
            ? new Wrong(TimeSpan.FromSeconds(seconds))
            : throw new PreflightException([new Problem(Variable, text, "expected seconds, for example 3600 or -90")])
        : TimeProvider.System;

    private sealed class Wrong(TimeSpan offset) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + offset;
    }
}
