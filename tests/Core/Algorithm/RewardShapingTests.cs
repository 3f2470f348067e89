using CsCheck;
using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Algorithm;

public sealed class RewardShapingTests
{
    private static readonly RunConfiguration _plain = new() { Rollouts = new RolloutOptions { MaxTokens = 100 } };

    [Fact]
    public void Without_options_it_is_correctness_alone()
    {
        RewardShaping.Of(Outcome.Correct, true, 100, _plain).ShouldBe(1);
        RewardShaping.Of(Outcome.Wrong, false, 100, _plain).ShouldBe(0);
    }

    [Theory]
    [InlineData(.1)]
    [InlineData(-.1)]
    public void A_call_adds_its_term_once_whatever_the_outcome(double term)
    {
        var configuration = _plain with { Rewards = new RewardOptions { ToolTerm = term } };
        RewardShaping.Of(Outcome.Correct, true, 5, configuration).ShouldBe(1 + term, 1e-15);
        RewardShaping.Of(Outcome.Wrong, true, 5, configuration).ShouldBe(term, 1e-15);
        RewardShaping.Of(Outcome.Correct, false, 5, configuration).ShouldBe(1);
        RewardShaping.Of(Some.Rollout(Some.Id(0, 0), Outcome.Wrong, Some.Tool), configuration).ShouldBe(term, 1e-15);
        RewardShaping.Of(Some.Rollout(Some.Id(0, 0), Outcome.Wrong, Some.NoTool), configuration).ShouldBe(0);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(80, 0)]
    [InlineData(81, -.1)]
    [InlineData(90, -1)]
    [InlineData(100, -2)]
    [InlineData(150, -2)]
    public void The_overlong_punishment_is_that_of_DAPO(int tokens, double punishment)
    {
        var configuration = _plain with { Rewards = new RewardOptions { OverlongBuffer = 20, OverlongPenalty = 2 } };
        RewardShaping.Of(Outcome.Correct, false, tokens, configuration).ShouldBe(1 + punishment, 1e-12);
        RewardShaping.Of(Outcome.Wrong, true, tokens, configuration).ShouldBe(punishment, 1e-12);
    }

    [Fact]
    public void The_punishment_counts_every_token_of_the_episode()
    {
        var configuration = new RunConfiguration { Rollouts = new RolloutOptions { MaxTokens = 16 }, Rewards = new RewardOptions { OverlongBuffer = 8 } };
        RewardShaping.Of(Some.Rollout(Some.Id(0, 0), Outcome.Correct, Some.Tool), configuration).ShouldBe(0); // 16 of 16 tokens.
        RewardShaping.Of(Some.Rollout(Some.Id(0, 0), Outcome.Correct, Some.NoTool), configuration).ShouldBe(.75); // 10: a quarter of the way from 8 to 16.
    }

    [Fact]
    public void A_longer_rollout_never_earns_more() => Gen.Select(Gen.Int[1, 300], Gen.Int[0, 300], Gen.Int[0, 120], Gen.Double[0, 10]).Sample((limit, tokens, buffer, penalty) =>
    {
        var configuration = new RunConfiguration { Rollouts = new RolloutOptions { MaxTokens = limit }, Rewards = new RewardOptions { OverlongBuffer = buffer, OverlongPenalty = penalty } };
        var (shorter, longer) = (RewardShaping.Of(Outcome.Correct, false, tokens, configuration), RewardShaping.Of(Outcome.Correct, false, tokens + 1, configuration));
        longer.ShouldBeLessThanOrEqualTo(shorter);
        shorter.ShouldBeInRange(1 - penalty, 1);
    });

    [Fact]
    public void Void_has_no_reward() => Should.Throw<ArgumentException>(() => RewardShaping.Of(Some.Rollout(Some.Id(0, 0), Outcome.Void, Some.NoTool), _plain));
}
