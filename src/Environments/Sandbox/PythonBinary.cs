using System.Diagnostics;

namespace Axpo.Environments.Sandbox;

/// <summary>Finds a real python3: <c>python3</c> on the path may be a shim (pyenv, conda) that fails inside a sandbox.</summary>
internal static class PythonBinary
{
    /// <summary>The interpreter and the folders that it needs to see.</summary>
    public static async Task<(string Path, string Prefix)> FindAsync(string asked, CancellationToken cancellationToken)
    {
        string[] candidates = asked.Length > 0 ? [asked] : ["/usr/bin/python3", "/usr/local/bin/python3", "python3"];
        foreach (var candidate in candidates.Where(c => !Path.IsPathRooted(c) || File.Exists(c)))
        {
            var start = new ProcessStartInfo(candidate) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
            foreach (var argument in (string[])["-I", "-c", "import sys, ctypes; print(sys.executable); print(sys.base_prefix)"])
            {
                start.ArgumentList.Add(argument);
            }

            try
            {
                using var process = Process.Start(start);
                if (process is null)
                {
                    continue;
                }

                process.StandardInput.Close();
                var output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
                await process.WaitForExitAsync(cancellationToken);
                var lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
                if (process.ExitCode == 0 && lines.Length == 2)
                {
                    var real = new FileInfo(lines[0]).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? lines[0];
                    return (real, lines[1]);
                }
            }
            catch (System.ComponentModel.Win32Exception)
            {
                // Not there: the next one.
            }
        }

        throw new ToolUnavailableException(
            $"python: no python3 with its standard library was found (tried {string.Join(", ", candidates)}); install it (Debian: apt-get install python3)", isTransient: false);
    }
}
