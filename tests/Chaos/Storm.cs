using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using StackExchange.Redis;

namespace Axpo.Chaos.Tests;

/// <summary>
/// Does a schedule of faults to a cluster while it trains one run after another, two side by side. A fault comes when so many further things have been stored, never at a time.
/// </summary>
internal sealed partial class Storm(Cluster cluster, IReadOnlyList<Fault> schedule, Action<string> ended, Action<string> say)
{
    private const int SideBySide = 2;
    private readonly List<FaultOutcome> _outcomes = [];
    private readonly List<Task> _returning = [];

    /// <summary>What became of the faults.</summary>
    public IReadOnlyList<FaultOutcome> Outcomes => _outcomes;

    /// <summary>Names of the runs.</summary>
    public List<string> Runs { get; } = [];

    /// <summary>Does every fault; returns when the runs that were under way have ended.</summary>
    public async Task RunAsync()
    {
        using var progress = new Progress(cluster.Folders.Root);
        using var over = new CancellationTokenSource();
        using var broken = new CancellationTokenSource();
        Task[] workers = [.. Enumerable.Range(0, SideBySide).Select(w => TrainAsync(w, over.Token, broken))];
        try
        {
            foreach (var fault in schedule)
            {
                if (!await progress.ReachAsync(progress.Count + fault.After, broken.Token))
                {
                    break;
                }

                await DoAsync(fault, progress, broken.Token);
            }

            await Task.WhenAll(_returning);
        }
        catch when (broken.IsCancellationRequested)
        {
            // Said by the run that failed.
        }
        catch (Exception e)
        {
            await broken.CancelAsync();
            throw new InvalidOperationException(e.Message + Environment.NewLine + cluster.Logs(), e);
        }
        finally
        {
            await over.CancelAsync();
        }

        await Task.WhenAll(workers);
        CountRedone();
    }

    private async Task TrainAsync(int worker, CancellationToken over, CancellationTokenSource broken)
    {
        try
        {
            for (var n = 1; !over.IsCancellationRequested && !broken.IsCancellationRequested; n++)
            {
                var run = string.Create(CultureInfo.InvariantCulture, $"w{worker}-{n}");
                lock (Runs)
                {
                    Runs.Add(run);
                }

                await cluster.TrainAsync(run, broken.Token);
                if (broken.IsCancellationRequested)
                {
                    // Stopped, because another run failed: that one says why.
                    return;
                }

                ended(run);
                say($"run {run} has ended");
            }
        }
        catch
        {
            await broken.CancelAsync();
            throw;
        }
    }

    private async Task DoAsync(Fault fault, Progress progress, CancellationToken stop)
    {
        var silo = await TargetAsync(fault);
        var isEverywhere = fault.Kind is FaultKind.Storage or FaultKind.Redis or FaultKind.Disk;
        var outcome = new FaultOutcome(fault, isEverywhere ? "" : silo.Name, DateTimeOffset.UtcNow);
        var (begin, before) = (Stopwatch.GetTimestamp(), progress.Count);
        switch (fault.Kind)
        {
            case FaultKind.Kill:
                Processes.Signal(silo.Down(), Processes.Kill);
                _returning.Add(BackAsync(silo, outcome, begin));
                break;
            case FaultKind.ShortPause:
                var paused = silo.Child!.Value;
                Processes.Signal(paused, Processes.Stop);
                await Task.Delay(fault.Milliseconds, CancellationToken.None);
                Processes.Signal(paused, Processes.Continue);
                break;
            case FaultKind.LongPause:
                _returning.Add(FreezeAsync(silo, fault, outcome, begin));
                break;
            case FaultKind.Machine:
                await silo.CrashAsync();
                silo.Down();
                silo.ClockOffset = fault.Milliseconds / 1000;
                silo.Environment["AXPO_FAULT"] = fault.Points;
                silo.Start();
                _returning.Add(BackAsync(silo, outcome, begin));
                break;
            case FaultKind.Tool:
                if (!await KillSandboxesAsync(fault, progress, outcome, stop))
                {
                    return;
                }

                break;
            case FaultKind.Storage:
                await RefuseWritesAsync(fault);
                break;
            case FaultKind.Redis:
                await cluster.Redis.Kill();
                await Task.Delay(fault.Milliseconds, CancellationToken.None);
                await cluster.Redis.BeginAsync();
                break;
            case FaultKind.Disk:
                await FillDiskAsync(fault);
                break;
            default:
                throw new InvalidOperationException($"unknown fault {fault.Kind}");
        }

        _outcomes.Add(outcome);
        say(string.Create(CultureInfo.InvariantCulture, $"{_outcomes.Count,4} of {schedule.Count}: {fault.Kind} {outcome.Silo} {fault.Milliseconds} {fault.Points}"));
        _returning.Add(SeeProgressAsync(outcome, progress, before + 1, begin, stop));
    }

    /// <summary>A silo that is up; where none is, the first to come.</summary>
    private async Task<SiloProcess> TargetAsync(Fault fault)
    {
        while (true)
        {
            SiloProcess[] up = [.. cluster.Silos.Where(s => s.Child is { } child && Processes.Signal(child, Processes.Nothing))];
            if (up.Length > 0)
            {
                return up[fault.Silo % up.Length];
            }

            await await Task.WhenAny(cluster.Silos.Select(s => s.NextUpAsync()));
        }
    }

    private static async Task SeeProgressAsync(FaultOutcome outcome, Progress progress, int count, long begin, CancellationToken stop)
    {
        if (await progress.ReachAsync(count, stop))
        {
            outcome.Progress = Stopwatch.GetElapsedTime(begin).TotalSeconds;
        }
    }

    private static async Task BackAsync(SiloProcess silo, FaultOutcome outcome, long begin)
    {
        await silo.UpAsync();
        outcome.Back = Stopwatch.GetElapsedTime(begin).TotalSeconds;
    }

    /// <summary>Stands still until the others hold it for dead; awake, it finds that out, ends, and its supervisor starts it again.</summary>
    private static async Task FreezeAsync(SiloProcess silo, Fault fault, FaultOutcome outcome, long begin)
    {
        var child = silo.Down();
        Processes.Signal(child, Processes.Stop);
        await Task.Delay(fault.Milliseconds);
        Processes.Signal(child, Processes.Continue);
        // On a machine that is slow itself the others may not have noticed: then it never ends, and is up as it was.
        await silo.ReturnsAsync(child);
        outcome.Back = Stopwatch.GetElapsedTime(begin).TotalSeconds;
    }

    /// <summary>Kills the sandboxes of the drawn silo, or of the next one that has any, or of the first to have one.</summary>
    private async Task<bool> KillSandboxesAsync(Fault fault, Progress progress, FaultOutcome outcome, CancellationToken stop)
    {
        while (true)
        {
            for (var i = 0; i < cluster.Silos.Count; i++)
            {
                if (cluster.Silos[(fault.Silo + i) % cluster.Silos.Count].Child is { } child
                    && Processes.Children(child) is { Count: > 0 } sandboxes
                    && sandboxes.Count(s => Processes.Signal(s.Id, Processes.Kill)) > 0)
                {
                    return true;
                }
            }

            if (!await progress.ReachAsync(progress.Count + 1, stop))
            {
                return false;
            }
        }
    }

    private async Task RefuseWritesAsync(Fault fault)
    {
        var options = ConfigurationOptions.Parse(cluster.Redis.Address);
        options.AllowAdmin = true;
        await using var redis = await ConnectionMultiplexer.ConnectAsync(options);
        var server = redis.GetServers()[0];
        await server.ConfigSetAsync("min-replicas-to-write", "1");
        try
        {
            await Task.Delay(fault.Milliseconds);
        }
        finally
        {
            await server.ConfigSetAsync("min-replicas-to-write", "0");
        }
    }

    private async Task FillDiskAsync(Fault fault)
    {
        var filler = Path.Combine(cluster.Folders.Root, ".filler");
        try
        {
            await using var file = new FileStream(filler, FileMode.Create, FileAccess.Write, FileShare.None, 0);
            var block = new byte[1 << 20];
            for (var size = block.Length; size >= 4096;)
            {
                try
                {
                    await file.WriteAsync(block.AsMemory(0, size));
                }
                catch (IOException)
                {
                    size /= 2;
                }
            }
        }
        catch (IOException)
        {
            // Full.
        }

        await Task.Delay(fault.Milliseconds);
        File.Delete(filler);
    }

    /// <summary>Turns whose generation began more than once, told by the silos' logs; a begin that the engine answered with "send again" generated nothing.</summary>
    private void CountRedone()
    {
        var begins = new Dictionary<string, List<DateTimeOffset>>(StringComparer.Ordinal);
        var refused = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var line in cluster.Silos.SelectMany(s => cluster.LogOf(s.Name)))
        {
            if (Generates().Match(line) is not { Success: true } match)
            {
                continue;
            }

            // Without attempt and number of the resend.
            var turn = $"{match.Groups["episode"]}.{match.Groups["turn"]}";
            if (match.Groups["status"].Value is "")
            {
                begins.TryAdd(turn, []);
                begins[turn].Add(DateTimeOffset.Parse(match.Groups["time"].Value, CultureInfo.InvariantCulture));
            }
            else if (match.Groups["status"].Value is "Busy" or "SessionMissing")
            {
                refused[turn] = refused.GetValueOrDefault(turn) + 1;
            }
        }

        foreach (var (turn, times) in begins)
        {
            foreach (var again in times.Order().Skip(1 + refused.GetValueOrDefault(turn)))
            {
                if (_outcomes.Where(o => o.At <= again).MaxBy(o => o.At) is { } cause)
                {
                    cause.Redone++;
                }
            }
        }
    }

    [GeneratedRegex(@"^(?<time>\S+) Debug \S+ generate[sd] (?<episode>[^#]+)#\d+\.(?<turn>\d+\.\d+)\.\d+(: (?<status>\w+))?$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Generates();
}
