using Axpo.Core;
using Axpo.Silo.Storage;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Storage;

public sealed class FileRunLogTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_row_written_again_replaces_its_step_and_cuts_what_came_later()
    {
        var log = new FileRunLog(new RunFolders(_folder.Path));
        foreach (var step in new[] { 0, 1, 2, 3 })
        {
            await log.WriteAsync("r", new MetricsRow { Step = step }, Token);
        }

        await log.WriteAsync("r", new MetricsRow { Step = 2, Timing = new TimingMetrics { Step = 5 } }, Token);
        var rows = await new FileRunLog(new RunFolders(_folder.Path)).ReadAsync("r", Token);
        rows.Select(r => r.Step).ShouldBe([0, 1, 2]);
        rows[2].Timing!.Step.ShouldBe(5);
    }

    [Fact]
    public async Task Missing_figures_are_null_in_the_file_and_null_when_read()
    {
        var log = new FileRunLog(new RunFolders(_folder.Path));
        var metrics = new EvaluationMetrics { Questions = 2, Samples = 4, Pass1 = .5, PerQuestion = [.25, double.NaN] };
        await log.WriteAsync("r", new MetricsRow { Step = 0, Eval = metrics }, Token);
        (await File.ReadAllTextAsync(Path.Combine(_folder.Path, "r", "metrics.jsonl"), Token)).ShouldContain("[0.25,null]");
        var back = (await log.ReadAsync("r", Token))[0];
        back.EvalT1.ShouldBeNull();
        back.Eval!.AccuracyTool.ShouldBeNull();
        double.IsNaN(back.Eval.PerQuestion[1]).ShouldBeTrue();
    }

    [Fact]
    public async Task The_ledger_names_an_episode_once()
    {
        var log = new FileRunLog(new RunFolders(_folder.Path));
        var drop = new DropRecord(new EpisodeId("r", Phase.Train, 1, 0, 0), VoidCause.ToolUnavailable, "python: no sandbox", 3);
        await log.DropAsync("r", drop, Token);
        await log.DropAsync("r", drop, Token);
        (await log.ReadDropsAsync("r", Token)).ShouldBe([drop]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("../x")]
    [InlineData(".hidden")]
    [InlineData("a/b")]
    public void A_name_that_would_leave_the_runs_folder_is_refused(string name) =>
        Should.Throw<ArgumentException>(() => new RunFolders(_folder.Path).Of(name)).Message.ShouldContain("no name for a run");

    public void Dispose() => _folder.Dispose();
}
