using Axpo.Client.Commands;
using Axpo.Client.Running;
using Axpo.Grains.Abstractions;
using Axpo.Silo.Configuration;
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

    private static MetricsRow Row(int step, params double[] perQuestion) => new()
    {
        Step = step,
        Eval = new EvaluationMetrics { Questions = perQuestion.Length, Samples = 4, Pass1 = perQuestion.Average(), PerQuestion = perQuestion },
    };

    private static LoadedConfiguration Loaded(string given) => new(new RunConfiguration(), new HashSet<string>(StringComparer.Ordinal) { given }, []);
}
