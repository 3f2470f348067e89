using Axpo.Core;
using Axpo.Silo.Diagnostics;
using Axpo.Silo.Storage;
using Axpo.Testing;
using Axpo.Training.Native;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Diagnostics;

public sealed class MachineDoctorTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(true, true, true, true, true)]
    [InlineData(true, false, true, true, true)]
    [InlineData(true, true, false, true, true)]
    [InlineData(true, false, true, false, false)]
    [InlineData(false, true, true, false, false)]
    [InlineData(false, true, true, true, true)]
    [InlineData(false, true, false, true, false)]
    [InlineData(true, false, false, true, false)]
    public async Task The_quickstart_needs_a_policy_with_a_tool_that_works(bool gap, bool python, bool search, bool tiny, bool ready)
    {
        Model("axpo-tiny-gap", gap);
        Model("axpo-tiny", tiny);
        var report = await ExamineAsync(Tool("python", python), Tool("web_search", search));
        report.Ready.ShouldBe(ready);
        Check(report, "tool python").State.ShouldBe(python ? CheckState.Works : CheckState.Fails);
        Check(report, "tool python").Remedy.ShouldBe(python ? null : "end the outage");
        report.Models.Count.ShouldBe((gap ? 1 : 0) + (tiny ? 1 : 0));
    }

    [Fact]
    public async Task Without_libtorch_nothing_is_multiplied_and_the_remedy_is_told()
    {
        Model("axpo-tiny-gap", true);
        var doctor = new MachineDoctor(new RunFolders(Path.Combine(_folder.Path, "runs")), Path.Combine(_folder.Path, "models"), [Tool("python", true)], TimeProvider.System)
        {
            Libtorch = () => new LibtorchReport
            {
                Works = false,
                Error = "no libtorch found",
                Remedy = "Run dotnet restore",
                Tried = ["/a", "/b"],
            },
        };
        var report = await doctor.ExamineAsync(TestContext.Current.CancellationToken);
        report.Ready.ShouldBeFalse();
        report.Gemm.ShouldBeNull();
        Check(report, "libtorch").ShouldBe(new MachineCheck("libtorch", CheckState.Fails, "no libtorch found; tried: /a; /b", "Run dotnet restore"));
    }

    [Fact]
    public async Task A_runs_folder_that_is_a_file_is_told()
    {
        Model("axpo-tiny-gap", true);
        await File.WriteAllTextAsync(Path.Combine(_folder.Path, "runs"), "", TestContext.Current.CancellationToken);
        var report = await ExamineAsync(Tool("python", true));
        report.Ready.ShouldBeFalse();
        Check(report, "runs folder").State.ShouldBe(CheckState.Fails);
    }

    private static MachineCheck Check(MachineReport report, string name) => report.Checks.Single(c => c.Name == name);

    private static FakeTool Tool(string name, bool works) => new(name, _ => new ToolResult("1")) { Outage = works ? null : new ToolUnavailableException("down", isTransient: false) };

    private async Task<MachineReport> ExamineAsync(params ITool[] tools) =>
        await new MachineDoctor(new RunFolders(Path.Combine(_folder.Path, "runs")), Path.Combine(_folder.Path, "models"), tools, TimeProvider.System).ExamineAsync(TestContext.Current.CancellationToken);

    private void Model(string name, bool there)
    {
        if (there)
        {
            var folder = Directory.CreateDirectory(Path.Combine(_folder.Path, "models", name)).FullName;
            File.WriteAllText(Path.Combine(folder, "config.json"), "{}");
            File.WriteAllText(Path.Combine(folder, "model.safetensors"), "");
        }
    }
}
