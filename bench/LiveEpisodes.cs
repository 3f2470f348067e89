using System.Diagnostics;
using Axpo.Core;
using Axpo.Training.Generation;

namespace Axpo.Bench;

/// <summary>What an engine did in a window.</summary>
/// <param name="PerSecond">Tokens sampled a second.</param>
/// <param name="PerCpuSecond">Tokens sampled a second of processor time.</param>
/// <param name="LongestGap">Longest time between two steps.</param>
internal readonly record struct Window(double PerSecond, double PerCpuSecond, TimeSpan LongestGap);

/// <summary>Keeps so many episodes live: each samples turns of 8 to 40 tokens, waits for its tool, takes the observation, and is followed by a fresh one at its end.</summary>
internal sealed class LiveEpisodes(PolicyEngine engine, int live, int vocabulary)
{
    private const int PromptTokens = 64;
    private const int LeastTurn = 8;
    private const int MostTurn = 40;
    private long _at;
    private long _longest;

    /// <summary>Turns of an episode.</summary>
    public int Turns { get; init; } = 3;

    /// <summary>Tokens of a tool's answer.</summary>
    public int Observation { get; init; } = 16;

    /// <summary>Time that the tool takes; zero: it answers at once.</summary>
    public TimeSpan Tool { get; init; }

    /// <summary>Runs the episodes until the window has passed.</summary>
    /// <param name="round">Makes the sessions' names and draws its own.</param>
    /// <param name="warm">Time before the window.</param>
    /// <param name="window">Time that counts.</param>
    /// <param name="beside">What goes on beside in the window.</param>
    public async Task<Window> RunAsync(int round, TimeSpan warm, TimeSpan window, Func<CancellationToken, Task>? beside = null)
    {
        using var stop = new CancellationTokenSource();
        engine.Loop.BeforeStep = Step;
        var episodes = Enumerable.Range(0, live).Select(i => RunAsync(round, i, stop.Token)).ToArray();
        await Task.Delay(warm);
        Interlocked.Exchange(ref _longest, 0);
        var (tokens, clock, cpu) = (engine.Status.GeneratedTokens, Stopwatch.StartNew(), Environment.CpuUsage.TotalTime);
        var other = beside?.Invoke(stop.Token) ?? Task.CompletedTask;
        await Task.Delay(window);
        tokens = engine.Status.GeneratedTokens - tokens;
        var result = new Window(tokens / clock.Elapsed.TotalSeconds, tokens / (Environment.CpuUsage.TotalTime - cpu).TotalSeconds, TimeSpan.FromSeconds(Interlocked.Read(ref _longest) / (double)Stopwatch.Frequency));
        await stop.CancelAsync();
        await Task.WhenAll(episodes);
        await other;
        engine.Loop.BeforeStep = null;
        return result;
    }

    private void Step(long step)
    {
        var now = Stopwatch.GetTimestamp();
        if (_at > 0)
        {
            _longest = Math.Max(_longest, now - _at);
        }

        _at = now;
    }

    private async Task RunAsync(int round, int index, CancellationToken stop)
    {
        var draws = ChanceKey.Root(3).With((ulong)index).Stream();
        for (var episode = 0; !stop.IsCancellationRequested; episode++)
        {
            var session = FormattableString.Invariant($"l{round}/{index}/{episode}");
            var offset = 0;
            var tokens = Requests.Tokens(PromptTokens, index, vocabulary);
            for (var turn = 0; turn < Turns && !stop.IsCancellationRequested; turn++)
            {
                var count = LeastTurn + draws.Next(MostTurn - LeastTurn + 1);
                var result = await engine.GenerateAsync(Requests.New(session, tokens, offset, count, index), stop);
                if (result.Status is not (GenerateStatus.Done or GenerateStatus.Cancelled))
                {
                    throw new InvalidOperationException(result.Error);
                }

                (offset, tokens) = (offset + tokens.Length + count, Requests.Tokens(Observation, turn, vocabulary));
                if (Tool > TimeSpan.Zero)
                {
                    await Task.Delay(Tool, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                }
            }

            engine.Release(session);
        }
    }
}
