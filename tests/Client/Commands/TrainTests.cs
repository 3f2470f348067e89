using Axpo.Client.Commands;
using Axpo.Client.Running;
using Axpo.Grains.Abstractions;
using Axpo.Silo.Configuration;
using Axpo.Silo.Reports;
using Axpo.Silo.Runs;
using Spectre.Console.Testing;

namespace Axpo.Client.Tests.Commands;

public sealed class TrainTests
{
    [Theory]
    [InlineData("seed", true)]
    [InlineData("steps", true)]
    [InlineData("model", false)]
    [InlineData("tasks.suites.fact", false)]
    [InlineData("tasks.questions", false)]
    [InlineData("tools.python.sandbox", false)]
    public void What_names_policy_tasks_or_python_is_no_quickstart(string given, bool isQuickstart) =>
        TrainCommand.IsQuickstart(Loaded(given)).ShouldBe(isQuickstart);

    [Fact]
    public void The_quickstart_without_python_asks_the_suites_that_need_none()
    {
        var configuration = TrainCommand.SearchOnly(Loaded("seed"));
        configuration.Model.ShouldBe("models/axpo-tiny");
        configuration.Tasks.Suites.Keys.ShouldBe(["fact", "fact-chain"], ignoreOrder: true);
        configuration.Steps.ShouldBe(20);
        TrainCommand.SearchOnly(Loaded("steps")).Steps.ShouldBe(new RunConfiguration().Steps, "steps that were asked for stay");
    }

    [Fact]
    public async Task A_report_that_cannot_be_written_costs_the_run_nothing()
    {
        using var screen = new TestConsole();
        var error = new StringWriter();
        var context = new CommandContext(new StringWriter(), error, screen, screen, false, TimeProvider.System, CancellationToken.None);
        var manifest = new RunManifest
        {
            Name = "gone-from-the-disk",
            Kind = RunKind.Train,
            Created = DateTimeOffset.UnixEpoch,
            ModelSha256 = "",
            Configuration = new RunConfiguration(),
        };
        var status = new RunStatus { Run = manifest.Name, Kind = RunKind.Train, Phase = RunPhase.Done, Step = 2, Steps = 2 };

        var exit = await TrainCommand.FinishAsync(context, new RunResult(manifest, status, [Row(0, 0, 1), Row(2, 1, 1)]));

        exit.ShouldBe(ExitCode.Done);
        screen.Output.ShouldContain("gain +0.500");
        error.ToString().ShouldContain("axpo report gone-from-the-disk");
    }

    [Theory]
    [InlineData("seed", true)]
    [InlineData("learner.threads", true)]
    [InlineData("algorithm", true)]
    [InlineData("steps", false)]
    [InlineData("resample.enabled", false)]
    [InlineData("tools.webSearch.match", false)]
    public void What_might_change_the_result_is_not_checked(string given, bool isChecked) =>
        TrainCommand.Unchecked(Loaded(given)).ShouldBe(isChecked ? [] : [given]);

    [Theory]
    [InlineData(RunPhase.Cancelled)]
    [InlineData(RunPhase.Failed)]
    public async Task A_run_that_is_not_done_is_not_held_to_anything(RunPhase phase)
    {
        using var screen = new TestConsole();
        var context = new CommandContext(new StringWriter(), new StringWriter(), screen, screen, false, TimeProvider.System, CancellationToken.None);
        var manifest = new RunManifest { Name = "stopped", Kind = RunKind.Train, Created = DateTimeOffset.UnixEpoch, ModelSha256 = "", Configuration = new RunConfiguration() };
        var status = new RunStatus { Run = manifest.Name, Kind = RunKind.Train, Phase = phase, Step = 2, Steps = 9 };

        var exit = await TrainCommand.FinishAsync(context, new RunResult(manifest, status, []), _ => throw new InvalidOperationException("asked"));

        exit.ShouldBe(phase == RunPhase.Cancelled ? ExitCode.Stopped : ExitCode.Failed);
    }

    [Theory]
    [InlineData(1, true, "repeated: held-out Pass@1 rises")]
    [InlineData(0, false, "NOT repeated: held-out Pass@1 rises")]
    public async Task A_checked_run_is_held_to_its_claims(double after, bool repeats, string said)
    {
        using var screen = new TestConsole();
        screen.Profile.Width = 200;
        var error = new StringWriter();
        var context = new CommandContext(new StringWriter(), error, screen, screen, false, TimeProvider.System, CancellationToken.None);
        var manifest = new RunManifest { Name = "gone-from-the-disk", Kind = RunKind.Train, Created = DateTimeOffset.UnixEpoch, ModelSha256 = "", Configuration = new RunConfiguration() };
        var status = new RunStatus { Run = manifest.Name, Kind = RunKind.Train, Phase = RunPhase.Done, Step = 2, Steps = 2 };

        var exit = await TrainCommand.FinishAsync(context, new RunResult(manifest, status, [Row(0, 0, 0), Row(2, after, after)]), s => QuickstartClaim.Of(s, searchOnly: true));

        exit.ShouldBe(repeats ? ExitCode.Done : ExitCode.Failed);
        screen.Output.ShouldContain(said);
        error.ToString().Contains("--check: 1 of 1", StringComparison.Ordinal).ShouldBe(!repeats);
    }

    [Theory]
    [InlineData(.1, .2, .6, .9, .5, .1, .2, .1, "++++")]
    [InlineData(.0, .2, .6, .9, .5, .1, .2, .1, "-+++")]
    [InlineData(.1, .2, .6, .6, .5, .1, .2, .1, "+-++")]
    [InlineData(.1, .2, .6, .9, .5, .5, .2, .1, "++-+")]
    [InlineData(.1, .2, .6, .9, .5, .1, .1, .2, "+++-")]
    public void Each_claim_is_one_direction(double low, double gain, double use, double useAfter, double wrong, double wrongAfter, double trained, double trainedAfter, string holds)
    {
        var summary = new RunSummary
        {
            Gain = new PassGain(200, 4, .3, .3 + gain, gain, low, .9),
            Pass1 = new BeforeAfter(.3, .3 + gain),
            PassK = new BeforeAfter(.5, .5),
            ToolUse = new BeforeAfter(use, useAfter),
            AllWrongT1 = new BeforeAfter(wrong, wrongAfter),
            AllWrongTool = new BeforeAfter(trained, trainedAfter),
        };

        string.Concat(QuickstartClaim.Of(summary, searchOnly: false).Select(c => c.Holds ? '+' : '-')).ShouldBe(holds);
        QuickstartClaim.Of(summary, searchOnly: true).ShouldHaveSingleItem().Holds.ShouldBe(holds[0] == '+');
    }

    [Fact]
    public void What_was_not_measured_is_not_repeated() =>
        QuickstartClaim.Of(
            new RunSummary { Pass1 = new BeforeAfter(.3, null), PassK = new BeforeAfter(.3, null), ToolUse = new BeforeAfter(.3, null), AllWrongT1 = new BeforeAfter(.3, null), AllWrongTool = new BeforeAfter(null, null) },
            searchOnly: false).ShouldAllBe(c => !c.Holds);

    private static MetricsRow Row(int step, params double[] perQuestion) => new()
    {
        Step = step,
        Eval = new EvaluationMetrics { Questions = perQuestion.Length, Samples = 4, Pass1 = perQuestion.Average(), PerQuestion = perQuestion },
    };

    private static LoadedConfiguration Loaded(string given) => new(new RunConfiguration(), new HashSet<string>(StringComparer.Ordinal) { given }, []);
}
