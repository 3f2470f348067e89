using Axpo.Environments.Tools.Python;
using Axpo.Silo.Storage;
using Shouldly;
using Xunit;

namespace Axpo.Client.Tests.EndToEnd;

/// <summary>
/// A process is killed in every window between two writes of a step, by name. One run dies many times over: each process is killed at the next point of its row, the last one ends the run,
/// which must equal an undisturbed one bit for bit.
/// </summary>
[Collection(EndToEndCollection.Name)]
public sealed class FaultPointTests(FaultPointTests.Undisturbed undisturbed) : IClassFixture<FaultPointTests.Undisturbed>, IDisposable
{
    private const string Name = "k";
    private const int Steps = 2;

    /// <summary>Exit code of a process that was killed: 128 + SIGKILL.</summary>
    private const int Killed = 137;

    private static readonly string[] Train =
    [
        "train", "--name", Name, "--steps", $"{Steps}", "--set", "engine.deterministic=true", "--set", "rollouts.questions=2", "--set", "rollouts.groupSize=4",
        "--set", "resample.k=2", "--set", "resample.budgetRatio=0.5", "--set", "learner.keepCheckpoints=1",
        "--set", "evaluation.every=0", "--set", "evaluation.questions=2", "--set", "evaluation.finalQuestions=2", "--set", "evaluation.samples=1",
    ];

    private readonly string _folder = Directory.CreateTempSubdirectory("axpo-fault-").FullName;

    /// <summary>Points in the order in which one run meets them; a number counts in the process that is killed there.</summary>
    public static TheoryData<string, string[]> Rows => new()
    {
        {
            "rollouts",
            [
                $"{FaultPoints.BeforeTurnStored}#7", $"{FaultPoints.AfterTurnStored}#2", FaultPoints.BeforeResultStored, FaultPoints.AfterResultStored,
                $"{FaultPoints.BeforeRolloutStored}#2", $"{FaultPoints.AfterRolloutStored}#2", $"{FaultPoints.BeforeGroupResult}#2", $"{FaultPoints.AfterGroupResult}#2",
                FaultPoints.AfterCheckpointsRetired,
            ]
        },
        {
            "update",
            [
                FaultPoints.BeforePlanStored, FaultPoints.AfterPlanStored, FaultPoints.BeforeBatchRead, FaultPoints.AfterBatchRead,
                FaultPoints.BeforeCheckpointRenamed, FaultPoints.AfterCheckpointRenamed, FaultPoints.BeforeTrainerCommit, FaultPoints.AfterTrainerCommit,
                FaultPoints.AfterTurnsForgotten, FaultPoints.BeforeCheckpointsRetired,
            ]
        },
        {
            "commit",
            [
                FaultPoints.BeforePublish, FaultPoints.AfterPublish, FaultPoints.BeforeRunCommit, FaultPoints.AfterRunCommit,
                FaultPoints.BeforeMetricsWritten, FaultPoints.AfterMetricsWritten, FaultPoints.BeforeTurnsForgotten,
            ]
        },
    };

    private RunFolders Folders => new(_folder);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task Killed_in_every_window_a_run_ends_as_if_nothing_had_happened(string row, string[] points)
    {
        var whole = await undisturbed.RunAsync();
        for (var i = 0; i < points.Length; i++)
        {
            using var run = i == 0
                ? AxpoProcess.StartWithFault(points[i], [.. Train, "--runs", _folder])
                : AxpoProcess.StartWithFault(points[i], "runs", "resume", Name, "--runs", _folder);
            (await run.EndAsync()).ShouldBe(Killed, $"{row}: {points[i]} was not reached{Environment.NewLine}{run.Output}{run.Error}");
        }

        using var again = AxpoProcess.Start("runs", "resume", Name, "--runs", _folder);
        (await again.EndAsync()).ShouldBe((int)ExitCode.Done, again.Error);
        new StoredRun(Folders, Name).ShouldEqual(whole, Steps);
    }

    [Fact]
    public async Task A_run_that_paused_on_a_storage_fault_is_mended_by_resuming_it()
    {
        var whole = await undisturbed.RunAsync();
        using (var run = AxpoProcess.StartWithFault($"{FaultPoints.BeforeResultStored}=throw", [.. Train, "--set", "rollouts.attempts=1", "--set", "rollouts.maxVoidShare=0", "--runs", _folder]))
        {
            (await run.EndAsync()).ShouldBe((int)ExitCode.Failed, run.Output);
            run.Error.ShouldContain($"run '{Name}' paused after step 0: 1 of 8 episodes of step 1 stayed Void");
            run.Error.ShouldContain("most often StorageFault");
            run.Error.ShouldContain($"axpo runs resume {Name}");
        }

        using var again = AxpoProcess.Start("runs", "resume", Name, "--runs", _folder);
        (await again.EndAsync()).ShouldBe((int)ExitCode.Done, again.Error);
        var stored = new StoredRun(Folders, Name);
        stored.Rows.ShouldBe(whole.Rows);
        stored.Checkpoint(Steps).ShouldBe(whole.Checkpoint(Steps));
    }

    [Fact]
    public void No_point_is_left_out() =>
        Rows.SelectMany(r => r.Data.Item2).Select(p => p.Split('#')[0]).ShouldBe(FaultPoints.All, ignoreOrder: true);

    [Fact]
    public async Task An_unknown_point_is_refused_before_anything_is_written()
    {
        using var run = AxpoProcess.StartWithFault("after-publsh", [.. Train, "--runs", Path.Combine(_folder, "runs")]);
        (await run.EndAsync()).ShouldBe((int)ExitCode.BadInput, run.Output);
        run.Error.ShouldStartWith("error: AXPO_FAULT: 'after-publsh': is no fault point; there are before-turn-stored,");
        Directory.Exists(Path.Combine(_folder, "runs")).ShouldBeFalse();
    }

    /// <summary>The same run from start to end; skips where python has no sandbox.</summary>
    public sealed class Undisturbed : IDisposable
    {
        private readonly string _folder = Directory.CreateTempSubdirectory("axpo-fault-").FullName;
        private StoredRun? _run;

        public void Dispose() => Directory.Delete(_folder, recursive: true);

        internal async Task<StoredRun> RunAsync()
        {
            if (_run is null)
            {
                await using var python = new PythonTool(new PythonToolOptions());
                var probe = await python.ProbeAsync(TestContext.Current.CancellationToken);
                Assert.SkipUnless(probe.Works, $"python has no sandbox here: {probe.Detail}. {probe.Remedy}");
                using var run = AxpoProcess.Start([.. Train, "--runs", _folder]);
                (await run.EndAsync()).ShouldBe((int)ExitCode.Done, run.Error);
                _run = new StoredRun(new RunFolders(_folder), Name);
            }

            return _run;
        }
    }
}
