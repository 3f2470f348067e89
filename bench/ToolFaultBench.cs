using System.Diagnostics;
using System.Globalization;
using Axpo.Core;
using Axpo.Testing;

namespace Axpo.Bench;

/// <summary>
/// What a bad tool does to throughput and outcomes: 400 episodes of a scripted policy, half of them with one call, with a tool that is well, slow, hangs, fails or returns garbage.
/// Whatever the tool does, no episode may end Wrong: that would teach the policy that its call was the mistake.
/// </summary>
internal static class ToolFaultBench
{
    private const int Groups = 50;
    private const int SlowMilliseconds = 200;
    private const double Deadline = 2;

    /// <summary>Prints the table.</summary>
    public static async Task RunAsync()
    {
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""
            {Groups * ScriptedLoad.GroupSize} episodes, half with a call; pipeline: deadline {Deadline} s, 2 retries, 3 attempts an episode
            | tool | episodes/s | against a tool that is well | correct | wrong | void | attempts beyond the first |
            |---|---|---|---|---|---|---|
            """));
        var well = await RunAsync("well", null, 0, "7", 0);
        await RunAsync($"slow ({SlowMilliseconds} ms)", (_, ct) => Task.Delay(SlowMilliseconds, ct), 0, "7", well);
        await RunAsync("fails 30% of the time", null, .3, "7", well);
        await RunAsync("hangs on 5% of the calls", (call, ct) => Draw(call) < .05 ? Task.Delay(Timeout.Infinite, ct) : Task.CompletedTask, 0, "7", well);
        await RunAsync("returns garbage (200 control characters)", null, 0, new string('\u0001', 200), well);
        await RunAsync("floods (100 kB a call)", null, 0, new string('x', 100_000), well);
    }

    private static async Task<double> RunAsync(string name, Func<FakeToolCall, CancellationToken, Task>? gate, double failures, string result, double well)
    {
        var calls = 0L;
        var services = ScriptedLoad.Services(Groups);
        services.Tools["calc"] = new FakeTool("calc", call => Fails() ? throw new ToolUnavailableException("the backend answered 503", isTransient: true) : new ToolResult(result)) { Gate = gate };
        await using var cluster = await AxpoTestCluster.StartAsync(services, o => o.Pipelines["calc"] = p => (p.DeadlineSeconds, p.RetryDelaySeconds, p.BreakerFailureRatio) = (Deadline, .01, 1));
        await ScriptedLoad.RolloutsAsync(cluster, 1, 0);
        var clock = Stopwatch.StartNew();
        var rollouts = await ScriptedLoad.RolloutsAsync(cluster, Groups, 1);
        var rate = rollouts.Count / clock.Elapsed.TotalSeconds;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"| {name} | {rate:F0} | {(well == 0 ? 1 : rate / well):F2} | {Of(Outcome.Correct)} | {Of(Outcome.Wrong)} | {Of(Outcome.Void)} | {rollouts.Sum(r => r.Attempts - 1)} |"));
        return rate;

        bool Fails() => ChanceKey.Root(1).With((ulong)Interlocked.Increment(ref calls)).Stream().NextDouble() < failures;

        int Of(Outcome outcome) => rollouts.Count(r => r.Outcome == outcome);
    }

    private static double Draw(FakeToolCall call) => ChanceKey.Root(2).With(call.Session).Stream().NextDouble();
}
