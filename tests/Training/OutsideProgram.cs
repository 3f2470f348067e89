using System.ComponentModel;
using System.Diagnostics;

namespace Axpo.Training.Tests;

/// <summary>Programs outside .NET that some tests compare with, or prepare by.</summary>
internal static class OutsideProgram
{
    // What it bounds takes under a minute.
    private static readonly TimeSpan _liveness = TimeSpan.FromMinutes(15);

    /// <summary>Python: AXPO_PYTHON, else python3.</summary>
    public static string Python => Environment.GetEnvironmentVariable("AXPO_PYTHON") is { Length: > 0 } own ? own : "python3";

    /// <summary>Runs a program to its end.</summary>
    /// <returns>null; or what went wrong.</returns>
    public static string? Run(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false })!;
            var output = process.StandardOutput.ReadToEndAsync();
            var errors = process.StandardError.ReadToEndAsync();
            if (!process.WaitForExit(_liveness))
            {
                process.Kill(entireProcessTree: true);
                return $"{program} did not end within {_liveness}";
            }

            output.GetAwaiter().GetResult();
            return process.ExitCode == 0 ? null : $"{program} ended with {process.ExitCode}: {errors.GetAwaiter().GetResult()}";
        }
        catch (Win32Exception e)
        {
            return e.Message;
        }
    }
}
