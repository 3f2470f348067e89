using Axpo.Grains.Abstractions;
using Axpo.Silo.Runs;
using Spectre.Console;

namespace Axpo.Client.Running;

/// <summary>Follows a run to its end, showing it as the console can: live, in plain lines, or as JSON.</summary>
internal static class RunFollower
{
    private static readonly TimeSpan Refresh = TimeSpan.FromMilliseconds(250);

    /// <summary>Follows.</summary>
    /// <param name="context">The console.</param>
    /// <param name="manifest">The run.</param>
    /// <param name="log">Its metrics.</param>
    /// <param name="wait">Waits for its end, at most so long.</param>
    /// <param name="stop">What the first Ctrl-C does.</param>
    /// <returns>Where it stands at its end, or when the console was told to stop and the run was not asked to.</returns>
    public static async Task<RunStatus> FollowAsync(CommandContext context, RunManifest manifest, IRunLog log, Func<TimeSpan, Task<RunStatus>> wait, Func<Task>? stop)
    {
        if (!context.IsTerminal)
        {
            return await FollowAsync(context, manifest, log, wait, stop, context.Json ? new JsonRunView(context) : new PlainRunView(context.Output));
        }

        return await context.Console.Live(new Text("starting")).AutoClear(false).Overflow(VerticalOverflow.Crop).Cropping(VerticalOverflowCropping.Bottom)
            .StartAsync(live => FollowAsync(context, manifest, log, wait, stop, new LiveRunView(manifest, live)));
    }

    private static async Task<RunStatus> FollowAsync(CommandContext context, RunManifest manifest, IRunLog log, Func<TimeSpan, Task<RunStatus>> wait, Func<Task>? stop, IRunView view)
    {
        var (shown, asked) = (-1, false);
        while (true)
        {
            var status = await wait(asked ? TimeSpan.FromSeconds(1) : Refresh);
            IReadOnlyList<MetricsRow> rows = [];
            if (status.Newest is { } newest && newest.Step > shown)
            {
                rows = [.. (await log.ReadAsync(manifest.Name, CancellationToken.None)).Where(r => r.Step > shown && r.Step <= newest.Step)];
                shown = newest.Step;
            }

            view.Show(status, rows);
            if (status.HasEnded)
            {
                return status;
            }

            if (context.Stop.IsCancellationRequested && !asked)
            {
                if (stop is null)
                {
                    return status;
                }

                asked = true;
                await stop();
            }
        }
    }
}
