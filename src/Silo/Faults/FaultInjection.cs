using System.Globalization;
using System.Runtime.InteropServices;
using Axpo.Silo.Hosting;

namespace Axpo.Silo.Faults;

/// <summary>What an armed fault point does.</summary>
public enum FaultAction
{
    /// <summary>The process ends as by <c>kill -9</c>.</summary>
    Kill,

    /// <summary>An <see cref="IOException"/>, once.</summary>
    Throw,

    /// <summary>The process stands still (SIGSTOP) until it is told to go on (SIGCONT).</summary>
    Stop,
}

/// <summary>A fault to come.</summary>
/// <param name="Point">Name of the point (<see cref="FaultPoints"/>).</param>
/// <param name="Reach">The how manyth time the point is reached in this process, from 1.</param>
/// <param name="Action">What happens there.</param>
public sealed record Fault(string Point, int Reach, FaultAction Action);

/// <summary>
/// Arms fault points from the environment, for tests only: <c>AXPO_FAULT=NAME#N[=kill|throw|stop]</c>, several joined by commas. A fault happens once, at the N-th time that this process
/// reaches the point.
/// </summary>
public static partial class FaultInjection
{
    /// <summary>The environment variable.</summary>
    public const string Variable = "AXPO_FAULT";

    private const int SigKill = 9;
    private const int SigStop = 19;

    /// <summary>Arms what the environment says; nothing if it says nothing.</summary>
    /// <exception cref="PreflightException">It says something that cannot be read.</exception>
    public static void ArmFromEnvironment()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } text)
        {
            Arm(Parse(text));
        }
    }

    /// <summary>Reads faults.</summary>
    /// <exception cref="PreflightException">A part is no fault, or names no known point.</exception>
    public static IReadOnlyList<Fault> Parse(string text) => [.. text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(One)];

    /// <summary>Arms faults; whatever was armed before is not any more.</summary>
    public static void Arm(IReadOnlyList<Fault> faults)
    {
        var reached = faults.Select(f => f.Point).Distinct(StringComparer.Ordinal).ToDictionary(p => p, _ => new Count(), StringComparer.Ordinal);
        FaultPoints.Arm(point =>
        {
            if (!reached.TryGetValue(point, out var count))
            {
                return;
            }

            var n = count.Next();
            foreach (var fault in faults.Where(f => f.Point == point && f.Reach == n))
            {
                Do(fault);
            }
        });
    }

    private static Fault One(string part)
    {
        var (name, action) = part.Split('=', 2) is [var left, var right] ? (left, right) : (part, "kill");
        var (point, reach) = name.Split('#', 2) is [var p, var n] ? (p, n) : (name, "1");
        return !FaultPoints.All.Contains(point)
            ? throw Bad(point, $"is no fault point; there are {string.Join(", ", FaultPoints.All)}")
            : !int.TryParse(reach, NumberStyles.None, CultureInfo.InvariantCulture, out var count) || count < 1
            ? throw Bad(part, $"'{reach}' is no count from 1 of how often the point is reached, as in {point}#2")
            : action switch
            {
                "kill" => new Fault(point, count, FaultAction.Kill),
                "throw" => new Fault(point, count, FaultAction.Throw),
                "stop" => new Fault(point, count, FaultAction.Stop),
                _ => throw Bad(part, $"'{action}' is no action; there are kill, throw, stop"),
            };
    }

    private static PreflightException Bad(string value, string remedy) => new([new Problem(Variable, value, remedy)]);

    private static void Do(Fault fault)
    {
        if (fault.Action == FaultAction.Throw)
        {
            throw new IOException($"fault point '{fault.Point}' was reached for time {fault.Reach}");
        }

        // To this very thread: it goes not one instruction further.
        if (Raise(fault.Action == FaultAction.Kill ? SigKill : SigStop) != 0)
        {
            throw new InvalidOperationException($"fault point '{fault.Point}': raise: error {Marshal.GetLastPInvokeError()}");
        }
    }

    [LibraryImport("libc", EntryPoint = "raise", SetLastError = true)]
    private static partial int Raise(int signal);

    private sealed class Count
    {
        private int _value;

        public int Next() => Interlocked.Increment(ref _value);
    }
}
