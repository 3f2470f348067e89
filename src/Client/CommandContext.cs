using System.CommandLine;
using System.Text.Json;
using Axpo.Silo.Storage;
using Spectre.Console;

namespace Axpo.Client;

/// <summary>
/// What a command talks to. People read <see cref="Console"/>; machines (<c>--json</c>) read <see cref="WriteJson"/> or <see cref="WriteJsonLine"/>, and then
/// nothing else reaches stdout: <see cref="Console"/> writes nowhere and <see cref="IsTerminal"/> is false.
/// </summary>
internal sealed class CommandContext
{
    private readonly IAnsiConsole _console;
    private readonly bool _isTerminal;

    /// <summary>Creates a context.</summary>
    /// <param name="output">Standard output.</param>
    /// <param name="error">Standard error.</param>
    /// <param name="console">Standard output for people.</param>
    /// <param name="errorConsole">Standard error for people.</param>
    /// <param name="isTerminal">Whether people watch standard output: live displays are for them only.</param>
    /// <param name="time">Clock.</param>
    /// <param name="stop">Cancelled by the first Ctrl-C.</param>
    public CommandContext(TextWriter output, TextWriter error, IAnsiConsole console, IAnsiConsole errorConsole, bool isTerminal, TimeProvider time, CancellationToken stop)
    {
        (Output, Error, _console, ErrorConsole, _isTerminal, Time, Stop) = (output, error, console, errorConsole, isTerminal, time, stop);
        Console = console;
    }

    /// <summary>Standard output, plain.</summary>
    public TextWriter Output { get; }

    /// <summary>Standard error, plain.</summary>
    public TextWriter Error { get; }

    /// <summary>Standard output for people; writes nowhere with <c>--json</c>.</summary>
    public IAnsiConsole Console { get; private set; }

    /// <summary>Standard error for people.</summary>
    public IAnsiConsole ErrorConsole { get; }

    /// <summary>Whether a live display may be shown.</summary>
    public bool IsTerminal => _isTerminal && !Json;

    /// <summary>Clock.</summary>
    public TimeProvider Time { get; }

    /// <summary>Cancelled by the first Ctrl-C.</summary>
    public CancellationToken Stop { get; }

    /// <summary><c>--json</c></summary>
    public bool Json { get; private set; }

    /// <summary><c>--verbose</c></summary>
    public bool Verbose { get; private set; }

    /// <summary><c>--runs</c></summary>
    public RunFolders Folders { get; private set; } = new(GlobalOptions.DefaultRuns);

    /// <summary>The context of this process.</summary>
    public static CommandContext OfProcess(CancellationToken stop)
    {
        var isTerminal = !System.Console.IsOutputRedirected;
        return new CommandContext(
            System.Console.Out,
            System.Console.Error,
            Create(System.Console.Out, isTerminal),
            Create(System.Console.Error, !System.Console.IsErrorRedirected),
            isTerminal,
            Clocks.OfProcess(),
            stop);
    }

    /// <summary>Writes one document.</summary>
    public void WriteJson<T>(T value) => Output.WriteLine(JsonSerializer.Serialize(value, AxpoJson.Pretty));

    /// <summary>Writes one line of JSON lines.</summary>
    public void WriteJsonLine<T>(T value) => Output.WriteLine(JsonSerializer.Serialize(value, AxpoJson.Line));

    /// <summary>Takes over the options that every command has.</summary>
    public void Apply(ParseResult parsed, GlobalOptions options)
    {
        Verbose = options.IsGiven(parsed, options.Verbose);
        Json = options.IsGiven(parsed, options.Json);
        if (parsed.GetResult(options.Runs) is { Errors: not null, Tokens: [{ } folder] })
        {
            Folders = new RunFolders(folder.Value);
        }

        if (options.IsGiven(parsed, options.NoColor))
        {
            _console.Profile.Capabilities.ColorSystem = ColorSystem.NoColors;
            ErrorConsole.Profile.Capabilities.ColorSystem = ColorSystem.NoColors;
        }

        if (Json)
        {
            Console = Create(TextWriter.Null, isTerminal: false);
        }
    }

    private static IAnsiConsole Create(TextWriter writer, bool isTerminal)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(writer),
            Interactive = isTerminal ? InteractionSupport.Detect : InteractionSupport.No,
            Ansi = isTerminal ? AnsiSupport.Detect : AnsiSupport.No,
        });
        if (!isTerminal)
        {
            // A pipe has no width: tables keep their lines whole.
            console.Profile.Width = 160;
        }

        return console;
    }
}
