using Axpo.Client.Running;
using Axpo.Core;
using Axpo.Grains.Abstractions;
using Shouldly;
using Xunit;

namespace Axpo.Client.Tests.Running;

public sealed class PlainRunViewTests
{
    private static readonly MetricsRow Evaluated = new()
    {
        Step = 0,
        Eval = new EvaluationMetrics { Questions = 2, Samples = 4, Pass1 = .25, PassK = .5 },
        EvalT1 = new EvaluationMetrics { Questions = 2, Samples = 4, ToolUse = .125 },
    };

    private static readonly MetricsRow Trained = new()
    {
        Step = 3,
        Train = new RolloutMetrics { Questions = 2, Rollouts = 16, Accuracy = .5, ToolUse = .25, AllWrongToolBefore = 1, AllWrongToolAfter = 0 },
        Timing = new TimingMetrics { Step = 2.25, TokensPerSecond = 1234.4 },
    };

    [Fact]
    public void A_row_is_one_line_and_what_does_not_exist_is_a_dash()
    {
        PlainRunView.Line(Evaluated, 60).ShouldBe("step 0/60  | held-out pass@1 0.250  pass@4 0.500  tool-use@T1 0.125");
        PlainRunView.Line(Trained, 60).ShouldBe("step 3/60  accuracy 0.500  tool-use 0.250  all-wrong 1.000  after 0.000  recovery -  1,234 tok/s  2.3 s");
    }

    [Fact]
    public void Rows_come_in_order_and_an_evaluation_is_announced_once()
    {
        var output = new StringWriter { NewLine = "\n" };
        var view = new PlainRunView(output);
        var status = new RunStatus { Run = "r", Kind = RunKind.Train, Phase = RunPhase.Evaluating, Step = 3, Steps = 60 };
        view.Show(status, []);
        view.Show(status, []);
        view.Show(status with { Phase = RunPhase.RollingOut }, [Evaluated, Trained]);
        output.ToString().ShouldBe($"held-out evaluation, step 3\n{PlainRunView.Line(Evaluated, 60)}\n{PlainRunView.Line(Trained, 60)}\n");
    }
}
