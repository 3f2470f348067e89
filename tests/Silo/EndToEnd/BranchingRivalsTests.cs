using Axpo.Core;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.EndToEnd;

/// <summary>ARPO and Tree-GRPO on the shipped policy, engine and learner.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class BranchingRivalsTests
{
    private static readonly RunConfiguration _one = WholeRun.Tiny with { Steps = 1, Evaluation = new EvaluationOptions { Every = 0, FinalQuestions = 1, Samples = 1 } };

    [Theory]
    [InlineData("arpo")]
    [InlineData("tree-grpo")]
    public async Task Branches_share_keys_and_values_with_their_source_and_two_silos_give_the_same_bits(string algorithm)
    {
        var configuration = AlgorithmPresets.Apply(algorithm, _one);
        var run = await WholeRun.RunAsync(configuration);
        ShouldHaveBranched(run);
        var forks = run.Recording.Generations.Where(g => g.Request.ForkOf is not null).ToArray();
        forks.Length.ShouldBe(run.Rows[1].Train!.Branches);
        forks.Sum(f => f.Result.PrefilledTokens).ShouldBe(0, "no token of a prefix is computed again");

        var two = await WholeRun.RunAsync(configuration with { Rollouts = configuration.Rollouts with { MaxLive = 64 } }, 2, 2);
        two.Trace().ShouldBe(run.Trace());
    }

    [Theory]
    [InlineData("arpo")]
    [InlineData("tree-grpo")]
    public async Task The_learner_finds_the_log_probs_of_shared_tokens_too(string algorithm) =>
        ShouldHaveBranched(await WholeRun.RunAsync(AlgorithmPresets.Apply(algorithm, _one with { Engine = new EngineOptions(), Learner = new LearnerOptions() })));

    private static void ShouldHaveBranched(WholeRun run)
    {
        var (train, update, size) = (run.Rows[1].Train!, run.Rows[1].Update!, run.Configuration.Rollouts.GroupSize);
        var stored = run.Rollouts.Where(r => r.Id.Phase == Phase.Train).ToDictionary(r => r.Id);
        stored.Values.GroupBy(r => r.Id.Question).ShouldAllBe(g => g.Count() == size);
        var branches = stored.Values.Where(r => !r.Id.Path.IsEmpty).ToArray();
        branches.Length.ShouldBe(train.Branches);
        branches.ShouldNotBeEmpty();
        foreach (var branch in branches)
        {
            var source = stored[branch.Id.Parent!];
            var end = source.PrefixEnd(branch.Id.Path.Branches[^1]);
            branch.InheritedTokens.ShouldBe(end);
            branch.Tokens[..end].ShouldBe(source.Tokens[..end]);
            branch.LogProbs[..end].ShouldBe(source.LogProbs[..end]);
            branch.Validate();
        }

        if (run.Configuration.Branching.Rule == BranchingRule.Tree)
        {
            var rule = new TreeExpansion(run.Configuration);
            var roots = stored.Values.Where(r => r.Id.Path.IsEmpty).OrderBy(r => r.Id.Rollout).GroupBy(r => r.Id.Question);
            branches.Select(b => b.Id.ToString()).Order(StringComparer.Ordinal).ShouldBe(
                roots.SelectMany(g => rule.Next([.. g.Select(r => RolloutSummaries.Of(r, null))], 0)!).Select(id => id.ToString()).Order(StringComparer.Ordinal));
        }

        var sequences = run.Recording.Batches.ShouldHaveSingleItem().Sequences;
        sequences.Select(s => s.Id).ShouldBe(stored.Keys, ignoreOrder: true);
        sequences.ShouldAllBe(s => s.IsLoss.SequenceEqual(stored[s.Id].LogProbs.Select(l => !float.IsNaN(l))));
        update.LossTokens.ShouldBe(sequences.Sum(s => s.IsLoss.Count(l => l)));
        (update.MismatchMax < 1e-3 && update.MismatchOutside == 0).ShouldBeTrue($"largest mismatch {update.MismatchMax}");
    }
}
