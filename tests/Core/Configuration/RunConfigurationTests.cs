using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Configuration;

public sealed class RunConfigurationTests
{
    [Theory]
    [InlineData(Phase.Train, 1, 3)]
    [InlineData(Phase.Resample, 1, 3)]
    [InlineData(Phase.Rollout, 1, 3)]
    [InlineData(Phase.Eval, 1, 5)]
    [InlineData(Phase.EvalT1, 1, 5)]
    [InlineData(Phase.Train, 2, 4)]
    [InlineData(Phase.Eval, 2, 5)]
    [InlineData(Phase.Eval, 3, 5)]
    [InlineData(Phase.Train, 8, 10)]
    [InlineData(Phase.EvalT1, 8, 10)]
    public void The_turn_limit_grows_with_the_horizon(Phase phase, int horizon, int expected) =>
        new RolloutOptions().TurnLimit(Some.Question(horizon: horizon), phase).ShouldBe(expected);

    [Fact]
    public void Turn_limits_are_options() =>
        new RolloutOptions { TurnsTraining = 7, TurnsEvaluation = 9 }.TurnLimit(Some.Question(), Phase.Train).ShouldBe(7);

    [Fact]
    public void Defaults_are_the_papers()
    {
        var configuration = new RunConfiguration();
        (configuration.Algorithm, configuration.Rollouts.GroupSize, configuration.Rollouts.Temperature).ShouldBe(("axpo", 8, 1.0));
        (configuration.Resample.K, configuration.Resample.BudgetRatio, configuration.Resample.Boundary).ShouldBe((4, .25, Boundary.First));
        var objective = configuration.Objective;
        (objective.ClipLow, objective.ClipHigh, objective.KlWeight, objective.Ddof, objective.Epsilon, objective.Denominator).ShouldBe((.2, .4, 1e-3, 1, 1e-6, LossDenominator.Nominal));
        configuration.Evaluation.Samples.ShouldBe(4);
    }
}
