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

    public static async Task<IReadOnlyList<Row>> RunAsync()
    {
        var well = await RunAsync(null, 0, "7");
        var rows = new List<Row>();
        await AddAsync($"takes {SlowMilliseconds} ms", (_, ct) => Task.Delay(SlowMilliseconds, ct), 0, "7");
        await AddAsync("fails 30% of the time", null, .3, "7");
        await AddAsync("hangs on 5% of the calls", (call, ct) => Draw(call) < .05 ? Task.Delay(Timeout.Infinite, ct) : Task.CompletedTask, 0, "7");
        await AddAsync("returns garbage (200 control characters)", null, 0, new string('\u0001', 200));
        await AddAsync("floods (100 kB a call)", null, 0, new string('x', 100_000));
        return rows;

        async Task AddAsync(string name, Func<FakeToolCall, CancellationToken, Task>? gate, double failures, string result)
        {
            var (rate, outcomes, wrong) = await RunAsync(gate, failures, result);
            var row = Row.Context(
                $"{Groups * ScriptedLoad.GroupSize} episodes, half with a call to a tool that {name} / one that is well (deadline {Deadline} s, 2 retries, 3 attempts)",
                string.Create(CultureInfo.InvariantCulture, $"{rate:F0} episodes/s: {outcomes}"),
                string.Create(CultureInfo.InvariantCulture, $"{well.Rate:F0} episodes/s"),
                rate / well.Rate);
            rows.Add(row with { Budget = "none Wrong", Verdict = wrong == 0 ? "met" : "**missed**" });
        }
    }

    private static async Task<(double Rate, string Outcomes, int Wrong)> RunAsync(Func<FakeToolCall, CancellationToken, Task>? gate, double failures, string result)
    {
        var calls = 0L;
        var services = ScriptedLoad.Services(Groups);
        services.Tools["calc"] = new FakeTool("calc", call => Fails() ? throw new ToolUnavailableException("the backend answered 503", isTransient: true) : new ToolResult(result)) { Gate = gate };
        await using var cluster = await AxpoTestCluster.StartAsync(services, o => o.Pipelines["calc"] = p => (p.DeadlineSeconds, p.RetryDelaySeconds, p.BreakerFailureRatio) = (Deadline, .01, 1));
        await ScriptedLoad.RolloutsAsync(cluster, 1, 0);
        var clock = Stopwatch.StartNew();
        var rollouts = await ScriptedLoad.RolloutsAsync(cluster, Groups, 1);
        var rate = rollouts.Count / clock.Elapsed.TotalSeconds;
        return (rate, string.Create(CultureInfo.InvariantCulture, $"{Of(Outcome.Correct)} correct, {Of(Outcome.Wrong)} wrong, {Of(Outcome.Void)} void, {rollouts.Sum(r => r.Attempts - 1)} attempts beyond the first"), Of(Outcome.Wrong));

        bool Fails() => ChanceKey.Root(1).With((ulong)Interlocked.Increment(ref calls)).Stream().NextDouble() < failures;

        int Of(Outcome outcome) => rollouts.Count(r => r.Outcome == outcome);
    }

    private static double Draw(FakeToolCall call) => ChanceKey.Root(2).With(call.Session).Stream().NextDouble();
}
