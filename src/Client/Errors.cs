using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Axpo.Environments.Questions;
using Axpo.Silo.Hosting;

namespace Axpo.Client;

/// <summary>The one place that turns an exception into a message on stderr and an exit code.</summary>
internal static class Errors
{
    private const int NoSpace = 28;
    private const int ReadOnly = 30;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes the message and says how to exit.</summary>
    public static ExitCode Report(CommandContext context, Exception exception)
    {
        exception = Unwrap(exception);
        var code = CodeOf(context, exception);
        var problems = (exception as PreflightException)?.Problems ?? [];
        var stack = context.Verbose && exception is not PreflightException ? exception.ToString() : null;
        if (context.Json)
        {
            var message = new ErrorMessage((int)code, Name(code), Text(code, exception), [.. problems.Select(p => new ErrorProblem(p.Field, p.Value, p.Remedy, p.IsEnvironment))], stack);
            context.Error.WriteLine(JsonSerializer.Serialize(message, Json));
            return code;
        }

        if (problems.Count > 0)
        {
            foreach (var problem in problems)
            {
                context.Error.WriteLine($"error: {problem}");
            }
        }
        else
        {
            context.Error.WriteLine($"error: {Text(code, exception)}");
        }

        if (stack is not null)
        {
            context.Error.WriteLine(stack);
        }

        return code;
    }

    /// <summary>Says how something that began has ended, if not as planned.</summary>
    public static ExitCode Say(CommandContext context, ExitCode code, string message)
    {
        context.Error.WriteLine(context.Json ? JsonSerializer.Serialize(new ErrorMessage((int)code, Name(code), message, [], null), Json) : $"axpo: {message}");
        return code;
    }

    /// <summary>The exit code of an exception.</summary>
    public static ExitCode CodeOf(CommandContext context, Exception exception) => exception switch
    {
        PreflightException preflight => preflight.Problems.All(p => p.IsEnvironment) && preflight.Problems.Count > 0 ? ExitCode.Environment : ExitCode.BadInput,
        OperationCanceledException when context.Stop.IsCancellationRequested => ExitCode.Stopped,
        UnauthorizedAccessException or DllNotFoundException or ToolUnavailableException => ExitCode.Environment,
        IOException { HResult: NoSpace or ReadOnly } => ExitCode.Environment,
        FileNotFoundException or DirectoryNotFoundException or KeyNotFoundException or ArgumentException or FormatException or NotSupportedException or InvalidDataException or JsonException or QuestionFileException => ExitCode.BadInput,
        _ => ExitCode.Failed,
    };

    private static Exception Unwrap(Exception exception) => exception switch
    {
        AggregateException { InnerExceptions: [var only] } => Unwrap(only),
        TypeInitializationException { InnerException: { } inner } => Unwrap(inner),
        _ => exception,
    };

    private static string Text(ExitCode code, Exception exception) => (code, exception) switch
    {
        (ExitCode.Stopped, _) => "stopped",
        (_, KeyNotFoundException or PreflightException) => exception.Message,
        (_, ArgumentException { ParamName: not null } argument) => argument.Message.Replace($" (Parameter '{argument.ParamName}')", "", StringComparison.Ordinal),
        (_, UnauthorizedAccessException) => exception.Message + " Check the folder's owner and mode, or name another one with --runs.",
        (_, IOException { HResult: NoSpace }) => exception.Message + " Free some disk, or name another folder with --runs.",
        (_, IOException { HResult: ReadOnly }) => exception.Message + " Name a folder that can be written with --runs.",
        _ => exception.Message.Length > 0 ? exception.Message : exception.GetType().Name,
    };

    private static string Name(ExitCode code) => code switch
    {
        ExitCode.BadInput => "bad-input",
        ExitCode.Environment => "environment",
        ExitCode.Stopped => "stopped",
        _ => "failed",
    };

    private sealed record ErrorMessage(int ExitCode, string Error, string Message, IReadOnlyList<ErrorProblem> Problems, string? Stack);

    private sealed record ErrorProblem(string Field, string Value, string Remedy, bool IsEnvironment);
}
