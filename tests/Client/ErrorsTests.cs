using Axpo.Silo.Hosting;
using Spectre.Console.Testing;

namespace Axpo.Client.Tests;

public sealed class ErrorsTests
{
    private static readonly Problem Input = new("steps", "x", "expected a whole number");
    private static readonly Problem Machine = new("port", "80", "cannot be used", IsEnvironment: true);

    public static TheoryData<Exception, int> Codes => new()
    {
        { new PreflightException([Input]), 2 },
        { new PreflightException([Machine]), 3 },
        { new PreflightException([Machine, Input]), 2 },
        { new KeyNotFoundException("run: there is no 'x'"), 2 },
        { Argument("x"), 2 },
        { new FormatException("bad"), 2 },
        { new FileNotFoundException("gone"), 2 },
        { new InvalidDataException("damaged"), 2 },
        { new NotSupportedException("unknown model"), 2 },
        { new UnauthorizedAccessException("denied"), 3 },
        { new DllNotFoundException("libtorch"), 3 },
        { new ToolUnavailableException("python", isTransient: false), 3 },
        { new IOException("Read-only file system", 30), 3 },
        { new IOException("No space left on device", 28), 3 },
        { new IOException("pulled the plug"), 1 },
        { new InvalidOperationException("it broke"), 1 },
        { new OperationCanceledException(), 1 },
        { new AggregateException(new UnauthorizedAccessException("denied")), 3 },
        { new TypeInitializationException("T", new DllNotFoundException("libtorch")), 3 },
    };

    [Theory]
    [MemberData(nameof(Codes), DisableDiscoveryEnumeration = true)]
    public void Every_exception_has_its_exit_code_and_a_message(Exception exception, int code)
    {
        var (result, error) = Report(exception, new CancellationToken(canceled: false));
        ((int)result).ShouldBe(code);
        error.ShouldStartWith("error: ");
        error.ShouldNotContain("   at ");
    }

    [Fact]
    public void A_cancellation_after_a_stop_is_a_stop()
    {
        var (result, error) = Report(new OperationCanceledException(), new CancellationToken(canceled: true));
        result.ShouldBe(ExitCode.Stopped);
        error.ShouldBe("error: stopped" + Environment.NewLine);
    }

    [Fact]
    public void All_problems_are_told_a_line_each()
    {
        var (_, error) = Report(new PreflightException([Input, Machine]), default);
        error.ShouldBe($"error: steps: 'x': expected a whole number{Environment.NewLine}error: port: '80': cannot be used{Environment.NewLine}");
    }

    [Fact]
    public void The_name_of_a_parameter_is_no_part_of_the_message() =>
        Report(Argument("a/b"), default).Error.ShouldBe("error: run: 'a/b' is no name" + Environment.NewLine);

    [Fact]
    public async Task The_stack_comes_only_with_verbose()
    {
        using var axpo = new AxpoConsole();
        (await axpo.RunAsync("runs", "show", "none", "--verbose")).ShouldBe(ExitCode.BadInput);
        axpo.Error.ShouldContain("   at ");
        (await axpo.RunAsync("runs", "show", "none")).ShouldBe(ExitCode.BadInput);
        axpo.Errors.ShouldBe([$"error: run: there is no 'none' in {axpo.Folders.Root}; there are no runs yet"]);
    }

    private static ArgumentException Argument(string run) => new($"run: '{run}' is no name", nameof(run));

    private static (ExitCode Code, string Error) Report(Exception exception, CancellationToken stop)
    {
        using var screen = new TestConsole();
        var error = new StringWriter();
        var context = new CommandContext(TextWriter.Null, error, screen, screen, false, TimeProvider.System, stop);
        return (Errors.Report(context, exception), error.ToString());
    }
}
