using System.Diagnostics;
using System.Globalization;

namespace Axpo.Bench;

/// <summary>
/// Work a second of one side, round by round, by the clock and by processor time of the process. Sides are measured in turns; a ratio is the median of the rounds' ratios, so that a neighbour
/// who takes the machine for a while takes it from both.
/// </summary>
internal sealed class Rate
{
    private readonly List<double> _wall = [];
    private readonly List<double> _cpu = [];

    /// <summary>Median by the clock.</summary>
    public double PerSecond => Median(_wall);

    /// <summary>Median by processor time, all threads together.</summary>
    public double PerCpuSecond => Median(_cpu);

    /// <summary>The median by the clock, where the work is tokens.</summary>
    public string Tokens => string.Create(CultureInfo.InvariantCulture, $"{PerSecond:N0} tokens/s");

    /// <summary>The middle one.</summary>
    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length == 0 ? double.NaN : sorted[sorted.Length / 2];
    }

    /// <summary>Measures a round; round 0 warms up and does not count.</summary>
    public async Task AddAsync(int round, double work, Func<Task> run)
    {
        var (clock, cpu) = (Stopwatch.StartNew(), Environment.CpuUsage.TotalTime);
        await run();
        Add(round, work / clock.Elapsed.TotalSeconds, work / (Environment.CpuUsage.TotalTime - cpu).TotalSeconds);
    }

    /// <summary>Takes a round that was measured elsewhere.</summary>
    public void Add(int round, double perSecond, double perCpuSecond)
    {
        if (round > 0)
        {
            _wall.Add(perSecond);
            _cpu.Add(perCpuSecond);
        }
    }

    /// <summary>Median of the rounds' ratios by the clock.</summary>
    public double Against(Rate other) => Median(_wall.Zip(other._wall, (a, b) => a / b));

    /// <summary>Median of the rounds' ratios by processor time.</summary>
    public double CpuAgainst(Rate other) => Median(_cpu.Zip(other._cpu, (a, b) => a / b));
}
