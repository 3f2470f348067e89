using Axpo.Client.Commands;
using Axpo.Silo.Diagnostics;
using Axpo.Training.Native;
using Spectre.Console.Testing;

namespace Axpo.Client.Tests.Commands;

public sealed class DoctorTests
{
    [Fact]
    public async Task The_exit_code_says_whether_the_quickstart_would_run()
    {
        using var axpo = new AxpoConsole();
        var code = await axpo.RunAsync("doctor", "--json");
        var report = axpo.Json();
        code.ShouldBe(report.GetProperty("ready").GetBoolean() ? ExitCode.Done : ExitCode.Environment);
        report.GetProperty("checks").EnumerateArray().Select(c => c.GetProperty("name").GetString())
            .ShouldBe(["processor", "memory", ".NET", "libtorch", "matrix products", "accelerators", "tool image_search", "tool image_zoom_in", "tool python", "tool web_search", "models", "disk", "runs folder"]);
        report.GetProperty("gemm").GetProperty("float32One").GetDouble().ShouldBePositive();
        report.GetProperty("gemm").GetProperty("bFloat16All").GetDouble().ShouldBePositive();
        Directory.EnumerateFileSystemEntries(axpo.Folder).ShouldBeEmpty();
    }

    [Fact]
    public void People_see_what_is_missing_with_its_remedy()
    {
        using var screen = new TestConsole();
        screen.Profile.Width = 160;
        var context = new CommandContext(TextWriter.Null, TextWriter.Null, screen, screen, false, TimeProvider.System, CancellationToken.None);
        DoctorCommand.Write(context, new MachineReport
        {
            Ready = false,
            Checks = [new MachineCheck("tool python", CheckState.Fails, "no [sandbox]", "Install bubblewrap"), new MachineCheck("memory", CheckState.Works, "8.0 GiB")],
            Machine = new MachineFacts
            {
                Cores = 2,
                MemoryBytes = 1,
                Processor = "",
                Features = [],
                Runtime = "",
                System = "",
                FreeDiskBytes = 1,
            },
            Libtorch = new LibtorchReport { Works = false },
            Gemm = null,
            Accelerators = [],
            Models = [],
        });
        var row = screen.Output.Split('\n').Single(l => l.Contains("tool python", StringComparison.Ordinal));
        row.ShouldContain("missing");
        row.ShouldContain("no [sandbox]");
        screen.Output.ShouldContain("Install bubblewrap");
        screen.Output.ShouldContain("The quickstart will not run.");
    }
}
