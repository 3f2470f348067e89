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
    public async Task The_ledger_has_a_row_an_attempt_also_after_a_restart()
    {
        var folders = new RunFolders(_folder.Path);
        DropRecord[] rows = [.. Enumerable.Range(1, 3).Select(a => new DropRecord(new EpisodeId("r", Phase.Train, 1, 0, 0), VoidCause.ToolUnavailable, "python: no sandbox", a, a == 3))];
        var log = new FileRunLog(folders);
        await log.DropAsync("r", rows[0], Token);
        await log.DropAsync("r", rows[0], Token);
        await log.DropAsync("r", rows[1], Token);

        // A crash cut the next row short: it is no row, and the one after it stands on a line of its own.
        await File.AppendAllTextAsync(folders.Drops("r"), "{\"episode\":\"r/tr", Token);
        (await log.ReadDropsAsync("r", Token)).ShouldBe(rows[..2]);
        var again = new FileRunLog(folders);
        await again.DropAsync("r", rows[1], Token);
        await again.DropAsync("r", rows[2], Token);
        (await again.ReadDropsAsync("r", Token)).ShouldBe(rows);
    }

    [Fact]
    public async Task Every_silo_of_a_cluster_has_a_ledger_of_its_own_and_readers_see_one()
    {
        var folders = new RunFolders(_folder.Path);
        var (a, b) = (new FileRunLog(folders, "a"), new FileRunLog(folders, "b"));
        var first = new DropRecord(new EpisodeId("r", Phase.Train, 1, 0, 0), VoidCause.EngineFault, "gone", 1, IsLast: false);
        var second = first with { Attempts = 2, IsLast = true };
        await a.DropAsync("r", first, Token);
        await b.DropAsync("r", second, Token);
        await a.DropAsync("r", second, Token);
        (await new FileRunLog(folders).ReadDropsAsync("r", Token)).ShouldBe([first, second]);
        File.Exists(folders.Drops("r")).ShouldBeFalse();
    }

    [Fact]
    public async Task A_row_of_an_older_version_is_that_of_a_last_attempt()
    {
        var folders = new RunFolders(_folder.Path);
        Directory.CreateDirectory(folders.Of("r"));
        await File.WriteAllTextAsync(folders.Drops("r"), """{"episode":"r/train/1/0/0","cause":"silo-lost","detail":"x","attempts":3}""" + "\n", Token);
        (await new FileRunLog(folders).ReadDropsAsync("r", Token)).ShouldHaveSingleItem().IsLast.ShouldBeTrue();
    }

    [Fact]
    public async Task How_a_run_ended_stands_until_it_goes_on()
    {
        var log = new FileRunLog(new RunFolders(_folder.Path));
        (await log.ReadEndAsync("r", Token)).ShouldBeNull();
        await log.EndedAsync("r", new RunEnd(RunPhase.Paused, "tools are down"), Token);
        (await log.ReadEndAsync("r", Token)).ShouldBe(new RunEnd(RunPhase.Paused, "tools are down"));
        await log.EndedAsync("r", null, Token);
        (await log.ReadEndAsync("r", Token)).ShouldBeNull();
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
