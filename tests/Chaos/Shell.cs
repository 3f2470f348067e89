using System.ComponentModel;
using System.Diagnostics;

namespace Axpo.Chaos.Tests;

/// <summary>Programs of the system.</summary>
internal static class Shell
{
    /// <summary>Runs a program.</summary>
    /// <returns>Whether it exists and ended well.</returns>
    public static async Task<bool> TryAsync(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardError = true, RedirectStandardOutput = true })!;
            await process.WaitForExitAsync();
            return process.ExitCode == 0;
        }
        catch (Win32Exception)
        {
            return false;
        }
    }
}
