using System.Text.Json;
using Axpo.Silo.Storage;
using Spectre.Console;
using Spectre.Console.Testing;

namespace Axpo.Client.Tests;

/// <summary>The console, run in this process with its own runs folder; what it writes is kept.</summary>
internal sealed class AxpoConsole : IDisposable
{
    private readonly StringWriter _output = new();
    private readonly StringWriter _error = new();

    /// <summary>A folder that is gone after the test.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("axpo-test-").FullName;

    /// <summary>Where its runs are.</summary>
    public RunFolders Folders => new(Path.Combine(Folder, "runs"));

    /// <summary>Whether it believes to be watched.</summary>
    public bool IsTerminal { get; init; }

    /// <summary>Ctrl-C.</summary>
    public CancellationTokenSource Stop { get; } = new();

    /// <summary>What people saw on stdout in the last run.</summary>
    public string Screen { get; private set; } = "";

    /// <summary>Plain stdout of the last run.</summary>
    public string Output => _output.ToString();

    /// <summary>Stderr of the last run.</summary>
    public string Error => _error.ToString();

    /// <summary>Runs a command line.</summary>
    public async Task<ExitCode> RunAsync(params string[] args)
    {
        _output.GetStringBuilder().Clear();
        _error.GetStringBuilder().Clear();
        using var screen = new TestConsole();
        screen.Profile.Width = 200;
        if (IsTerminal)
        {
            screen.Interactive();
            screen.EmitAnsiSequences = true;
        }

        var context = new CommandContext(_output, _error, screen, screen, IsTerminal, TimeProvider.System, Stop.Token);
        var code = await AxpoCommand.RunAsync(["--runs", Folders.Root, .. args], context);
        Screen = screen.Output;
        return (ExitCode)code;
    }

    /// <summary>The one document on stdout.</summary>
    public JsonElement Json()
    {
        Screen.ShouldBeEmpty();
        using var document = JsonDocument.Parse(Output);
        return document.RootElement.Clone();
    }

    /// <summary>The lines on stdout, one document each.</summary>
    public IReadOnlyList<JsonElement> JsonLines()
    {
        Screen.ShouldBeEmpty();
        return [.. Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l =>
        {
            using var document = JsonDocument.Parse(l);
            return document.RootElement.Clone();
        })];
    }

    /// <summary>The messages on stderr.</summary>
    public string[] Errors => Error.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);

    public void Dispose()
    {
        Stop.Dispose();
        Directory.Delete(Folder, recursive: true);
    }
}
