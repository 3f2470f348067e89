using Axpo.Core;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.EndToEnd;

/// <summary>What AXPO can do beyond its default, on the shipped policy and the real engine.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class ResamplingVariantsTests
{
    private static readonly RunConfiguration _one = WholeRun.Tiny with
    {
        Steps = 1,
        Rollouts = WholeRun.Tiny.Rollouts with { Questions = 16, GroupSize = 4 },
        Resample = new ResampleOptions { K = 2, BudgetRatio = .5 },
        Evaluation = new EvaluationOptions { Every = 0, FinalQuestions = 1, Samples = 1 },
    };

    [Fact]
    public async Task Answers_are_sampled_again_from_before_their_first_token()
    {
        var run = await WholeRun.RunAsync(_one with { Resample = _one.Resample with { Trigger = ResampleTrigger.NoTool } });
        var row = run.Rows[1];
        row.Train!.Prefixes.ShouldBePositive();
        row.Update!.MismatchMax.ShouldBeLessThan(1e-3);
        var byId = run.Rollouts.ToDictionary(r => r.Id);
        var forks = run.Rollouts.Where(r => !r.Id.Path.IsEmpty).ToArray();
        forks.Length.ShouldBe(row.Train.Prefixes * 2);
        foreach (var fork in forks)
        {
            var source = byId[fork.Id.Original];
            source.Calls.ShouldBeEmpty();
            fork.InheritedTokens.ShouldBe(source.Segments.First(s => s.Kind == SegmentKind.Answer).Start);
            fork.Tokens[..fork.InheritedTokens].ShouldBe(source.Tokens[..fork.InheritedTokens]);
            fork.LogProbs[..fork.InheritedTokens].ShouldBe(source.LogProbs[..fork.InheritedTokens]);
            fork.Validate();
        }
    }

    [Fact]
    public async Task A_sequential_budget_stops_at_successes_and_never_spends_more()
    {
        var run = await WholeRun.RunAsync(_one with { Resample = _one.Resample with { Allocation = ResampleAllocation.Sequential, BudgetRatio = .25 } });
        var prefixes = run.Rollouts.Where(r => !r.Id.Path.IsEmpty).GroupBy(r => (r.Id.Original, r.Id.Path.Branches[0].Boundary)).ToArray();
        prefixes.Length.ShouldBe(run.Rows[1].Train!.Prefixes);
        prefixes.ShouldNotBeEmpty();
        prefixes.Sum(p => p.Count()).ShouldBeLessThanOrEqualTo(16);
        prefixes.ShouldAllBe(p => p.OrderBy(r => r.Id.Path.Branches[0].K).SkipLast(1).All(r => r.Outcome != Outcome.Correct));
    }

    [Fact]
    public async Task Groups_without_spread_are_replaced_by_questions_of_the_same_suite()
    {
        var run = await WholeRun.RunAsync(_one with
        {
            Resample = _one.Resample with { Enabled = false },
            Rollouts = _one.Rollouts with { Questions = 8, DynamicSampling = 2 },
        });
        var train = run.Rows[1].Train!;
        train.Replaced.ShouldBePositive();
        train.Questions.ShouldBe(8 + train.Replaced);
        var trained = run.Rollouts.Where(r => r.Id.Phase == Phase.Train).ToArray();
        trained.Select(r => r.Id.Question).Distinct().Order().ShouldBe(Enumerable.Range(0, 8 + train.Replaced));
        trained.Select(r => r.QuestionId).Distinct().Count().ShouldBeGreaterThan(8);
        train.WithoutSpread.ShouldBeLessThan(8);
    }
}
