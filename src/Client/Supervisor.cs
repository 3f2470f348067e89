using System.Diagnostics;

namespace Axpo.Client;

/// <summary>Runs this program in a child process, and again whenever it ends unasked. A silo that the others declared dead ends itself; somebody must start it again.</summary>
internal static class Supervisor
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);

    /// <summary>A child that lived this long was well: the next pause is short again.</summary>
    private static readonly TimeSpan Well = TimeSpan.FromSeconds(10);

    /// <summary>Runs until a stop is asked for, or the child finds that its input is wrong, which starting again does not mend. What its machine lacks (a Redis that is down) may come.</summary>
    public static async Task<ExitCode> RunAsync(CommandContext context, IReadOnlyList<string> args)
    {
        var pause = FirstPause;
        while (true)
        {
            var began = context.Time.GetTimestamp();
            using var child = Start(args);
            try
            {
                await child.WaitForExitAsync(context.Stop);
            }
            catch (OperationCanceledException)
            {
                Signals.Terminate(child.Id);
                await child.WaitForExitAsync(CancellationToken.None);
                return ExitCode.Done;
            }

            if ((ExitCode)child.ExitCode is ExitCode.Done or ExitCode.BadInput or ExitCode.Stopped)
            {
                return (ExitCode)child.ExitCode;
            }

            pause = context.Time.GetElapsedTime(began) >= Well ? FirstPause : pause;
            Errors.Say(context, ExitCode.Failed, FormattableString.Invariant($"the silo's process ended with {child.ExitCode}; it starts again in {pause.TotalSeconds:F0} s"));
            try
            {
                await Task.Delay(pause, context.Time, context.Stop);
            }
            catch (OperationCanceledException)
            {
                return ExitCode.Done;
            }

            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    private static Process Start(IReadOnlyList<string> args)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { UseShellExecute = false };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath!) == "dotnet")
        {
            start.ArgumentList.Add(Environment.GetCommandLineArgs()[0]);
        }

        foreach (var arg in args)
        {
            start.ArgumentList.Add(arg);
        }

        return Process.Start(start)!;
    }
}
