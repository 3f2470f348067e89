using Axpo.Grains.Abstractions;
using Axpo.Silo.Hosting;
using Axpo.Silo.Storage;

namespace Axpo.Client.Tests.Commands;

public sealed class RunsTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Without_runs_it_says_how_to_begin()
    {
        using var axpo = new AxpoConsole();
        (await axpo.RunAsync("runs", "list")).ShouldBe(ExitCode.Done);
        axpo.Screen.ShouldContain("Begin with: axpo train");
        (await axpo.RunAsync("runs", "list", "--json")).ShouldBe(ExitCode.Done);
        axpo.Json().GetArrayLength().ShouldBe(0);
        Directory.Exists(axpo.Folders.Root).ShouldBeFalse();
    }

    [Fact]
    public async Task The_state_of_each_run_is_told_by_its_files()
    {
        using var axpo = new AxpoConsole();
        await SampleRun.CreateAsync(axpo.Folders, "fresh", 1);
        await SampleRun.CreateAsync(axpo.Folders, "killed", 2);
        await SampleRun.WriteRowsAsync(axpo.Folders, "killed", 1);
        await SampleRun.CreateAsync(axpo.Folders, "whole", 3);
        await SampleRun.WriteRowsAsync(axpo.Folders, "whole", 2);
        await SampleRun.CreateAsync(axpo.Folders, "evaluated", 4, RunKind.Evaluate);
        await SampleRun.WriteRowsAsync(axpo.Folders, "evaluated", 0);
        await SampleRun.CreateAsync(axpo.Folders, "alive", 5);
        using var claim = RunClaim.Take(axpo.Folders, "alive", 4711);

        (await axpo.RunAsync("runs", "list", "--json")).ShouldBe(ExitCode.Done);
        axpo.Json().EnumerateArray().Select(r => (r.GetProperty("name").GetString(), r.GetProperty("state").GetString(), r.GetProperty("step").GetInt32(), r.GetProperty("resume").GetString()))
            .ShouldBe([("alive", "running", 0, null), ("evaluated", "done", 0, null), ("whole", "done", 2, null), ("killed", "interrupted", 1, "axpo runs resume killed"), ("fresh", "created", 0, "axpo runs resume fresh")]);
        axpo.Json()[0].GetProperty("pid").GetInt32().ShouldBe(Environment.ProcessId);

        (await axpo.RunAsync("runs", "list")).ShouldBe(ExitCode.Done);
        axpo.Screen.ShouldContain("killed was interrupted, resume with: axpo runs resume killed");
        var whole = axpo.Screen.Split('\n').Single(l => l.Contains("whole", StringComparison.Ordinal));
        whole.ShouldContain("2/2");
        whole.ShouldContain("0.250");
        axpo.Output.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_run_on_a_cluster_is_no_interrupted_one_and_needs_its_Redis()
    {
        using var axpo = new AxpoConsole();
        await SampleRun.CreateAsync(axpo.Folders, "far", cluster: "lab");
        await SampleRun.WriteRowsAsync(axpo.Folders, "far", 1);
        (await axpo.RunAsync("runs", "list")).ShouldBe(ExitCode.Done);
        axpo.Screen.ShouldContain("far lives on cluster 'lab', watch it with: axpo runs watch far --connect HOST:PORT");
        foreach (var command in new[] { "watch", "cancel" })
        {
            (await axpo.RunAsync("runs", command, "far")).ShouldBe(ExitCode.BadInput);
            axpo.Error.ShouldContain("run 'far' lives on cluster 'lab'; give its Redis: --connect HOST:PORT");
        }
    }

    [Fact]
    public async Task A_run_that_was_let_go_is_interrupted()
    {
        using var axpo = new AxpoConsole();
        await SampleRun.CreateAsync(axpo.Folders, "left");
        RunClaim.Take(axpo.Folders, "left", 4711).Dispose();
        (await axpo.RunAsync("runs", "show", "left")).ShouldBe(ExitCode.Done);
        axpo.Screen.ShouldContain("interrupted, resume with: axpo runs resume left");
    }

    [Theory]
    [InlineData(RunPhase.Failed, "failed", "has failed")]
    [InlineData(RunPhase.Paused, "paused", "has paused")]
    [InlineData(RunPhase.Cancelled, "stopped", "was stopped")]
    public async Task A_run_that_ended_by_itself_or_was_stopped_says_so_and_why(RunPhase phase, string state, string how)
    {
        using var axpo = new AxpoConsole();
        await SampleRun.CreateAsync(axpo.Folders, "r");
        RunClaim.Take(axpo.Folders, "r", 4711).Dispose();
        await new FileRunLog(axpo.Folders).EndedAsync("r", new RunEnd(phase, "the tools are down"), Token);

        (await axpo.RunAsync("runs", "show", "r")).ShouldBe(ExitCode.Done);
        axpo.Screen.ShouldContain($"{state}, resume with: axpo runs resume r");
        axpo.Screen.ShouldContain("the tools are down");
        (await axpo.RunAsync("runs", "list")).ShouldBe(ExitCode.Done);
        axpo.Screen.ShouldContain($"r {how}, resume with: axpo runs resume r");
    }

    [Fact]
    public async Task Show_tells_configuration_metrics_and_drops()
    {
        using var axpo = new AxpoConsole();
        await SampleRun.CreateAsync(axpo.Folders, "r");
        await SampleRun.WriteRowsAsync(axpo.Folders, "r", 2);
        var log = new FileRunLog(axpo.Folders);
        await log.DropAsync("r", new DropRecord(new EpisodeId("r", Phase.Train, 1, 0, 1), VoidCause.ToolDeadline, "late", 2, IsLast: false), Token);
        await log.DropAsync("r", new DropRecord(new EpisodeId("r", Phase.Train, 1, 0, 1), VoidCause.ToolDeadline, "late", 3), Token);
        await log.DropAsync("r", new DropRecord(new EpisodeId("r", Phase.Train, 1, 0, 2), VoidCause.ToolDeadline, "late", 3), Token);

        (await axpo.RunAsync("runs", "show", "r")).ShouldBe(ExitCode.Done);
        foreach (var text in new[] { "done", "rollouts.groupSize", "2 tool-deadline", "mental-arithmetic: 1", "0.500", "40 x 4" })
        {
            axpo.Screen.ShouldContain(text);
        }

        axpo.Screen.ShouldNotContain("learner.learningRate");
        var ledger = axpo.Screen.Split('\n').Single(l => l.Contains("tool-deadline", StringComparison.Ordinal) && l.StartsWith('│'));
        ledger.Split('│', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).ShouldBe(["tool-deadline", "3", "2", "r/train/1/0/2: late"]);

        (await axpo.RunAsync("--json", "runs", "show", "r")).ShouldBe(ExitCode.Done);
        var json = axpo.Json();
        json.GetProperty("configuration").GetProperty("rollouts").GetProperty("groupSize").GetInt32().ShouldBe(2);
        json.GetProperty("metrics").GetArrayLength().ShouldBe(3);
        json.GetProperty("drops").GetArrayLength().ShouldBe(3);
        json.GetProperty("drops")[0].GetProperty("cause").GetString().ShouldBe("tool-deadline");
    }

    [Fact]
    public async Task An_unknown_run_is_bad_input_and_the_newest_are_named()
    {
        using var axpo = new AxpoConsole();
        await SampleRun.CreateAsync(axpo.Folders, "quick");
        (await axpo.RunAsync("runs", "show", "quik")).ShouldBe(ExitCode.BadInput);
        axpo.Errors.ShouldBe([$"error: run: there is no 'quik' in {axpo.Folders.Root}; did you mean 'quick'? the newest are quick"]);
        (await axpo.RunAsync("runs", "show", "../quick")).ShouldBe(ExitCode.BadInput);
        axpo.Errors.ShouldHaveSingleItem().ShouldStartWith("error: run: '../quick' is no name for a run");
    }
}
