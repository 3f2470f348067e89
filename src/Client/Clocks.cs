using System.Globalization;
using Axpo.Silo.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

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

    /// <summary>Has a silo run on a clock. A wrong one is Axpo's alone: Orleans reads the machine's too, beside its time provider, and would disagree with itself.</summary>
    public static void Use(IServiceCollection services, TimeProvider clock)
    {
        services.AddSingleton(clock);
        if (clock != TimeProvider.System)
        {
            foreach (var area in services.Where(s => s.IsKeyedService && s.ServiceType == typeof(TimeProvider)).Select(s => s.ServiceKey).Distinct().ToArray())
            {
                services.RemoveAllKeyed<TimeProvider>(area);
                services.AddKeyedSingleton(area, TimeProvider.System);
            }
        }
    }

    private sealed class Wrong(TimeSpan offset) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + offset;
    }
}
