using Axpo.Core;
using Axpo.Silo.Configuration;
using Axpo.Silo.Hosting;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Configuration;

public sealed class ObjectiveRulesTests
{
    public static TheoryData<string> Algorithms => [.. AlgorithmPresets.Names];

    [Theory]
    [InlineData("resample.k", "no prefix fits the budget: r*B*N = 0.25 x 2 x 4 allows 2 continuations; lower it, raise resample.budgetRatio, or set resample.enabled=false", "rollouts.questions=2", "rollouts.groupSize=4")]
    [InlineData("curriculum.start", "must be at most tasks.horizonMax, which is 6", "curriculum.stepsPerCall=5", "curriculum.start=7", "tasks.horizonMax=6")]
    [InlineData("curriculum.stepsPerCall", "the questions of a file (tasks.questions) are as long as they are", "curriculum.stepsPerCall=5", "tasks.questions=a.jsonl")]
    [InlineData("objective.cispoCap", "must be at least 1, or 0 for the two-sided clamp", "algorithm=cispo", "objective.cispoCap=0.2")]
    [InlineData("rollouts.topP", "the importance ratio would compare the truncated distribution", "algorithm=grpo", "rollouts.topP=0.9")]
    [InlineData("rollouts.topK", "the importance ratio would compare the truncated distribution", "algorithm=gspo", "rollouts.topK=20")]
    [InlineData("rollouts.topK", "neither correction nor rejection", "algorithm=gpg", "rollouts.topK=20", "objective.correction.level=token")]
    [InlineData("objective.dualClip", "must be above 1, or 0 for off", "objective.dualClip=1")]
    [InlineData("objective.ratioCap", "must be above 1 + objective.clipHigh, which is 1.4", "objective.ratioCap=1.2")]
    [InlineData("rollouts.groupSize", "a group of one has no spread, so objective.advantage=grpo teaches nothing", "algorithm=grpo", "rollouts.groupSize=1")]
    [InlineData("rollouts.dynamicSampling", "would replace the all-wrong groups that resampling is triggered by", "rollouts.dynamicSampling=2")]
    [InlineData("objective.advantage", "prefixes and continuations need an estimator of one group", "objective.advantage=reinforce++")]
    [InlineData("resample.allocation", "fresh rollouts have no prefix", "algorithm=axpo-no-prefix-fix", "resample.allocation=sequential")]
    [InlineData("branching.rule", "set it to none, or resample.enabled=false", "branching.rule=entropy")]
    [InlineData("branching.rule", "set it to none, or resample.enabled=false", "algorithm=arpo", "resample.enabled=true")]
    [InlineData("branching.initial", "leaves no rollout of the group for a branch: rollouts.groupSize is 8; make it less than that", "algorithm=arpo", "branching.initial=8")]
    [InlineData("branching.initial", "leaves no rollout of the group for a branch: rollouts.groupSize is 8", "algorithm=arpo", "branching.initial=9")]
    [InlineData("rollouts.groupSize", "must be what the trees come to: 2 trees x (1 + 2 expansions x 1 rounds) = 6; set it to that, or change branching.initial", "algorithm=tree-grpo", "rollouts.groupSize=8")]
    [InlineData("rollouts.groupSize", "4 trees x (1 + 2 expansions x 3 rounds) = 28", "algorithm=tree-grpo", "branching.initial=4", "branching.rounds=3")]
    [InlineData("rollouts.groupSize", "3 trees x (1 + 2 expansions x 1 rounds) = 9", "algorithm=tree-grpo", "branching.initial=0")]
    [InlineData("objective.advantage", "without branches every rollout is a tree of its own; set branching.rule=tree or entropy", "algorithm=grpo", "objective.advantage=tree")]
    [InlineData("objective.advantage", "prefixes and continuations need an estimator of one group", "objective.advantage=tree")]
    [InlineData("rewards.overlongBuffer", "must be below rollouts.maxTokens, which is 512", "rewards.overlongBuffer=512")]
    [InlineData("objective.rejection.level", "k1 has two bounds and no maximum", "objective.rejection.statistic=k1", "objective.rejection.level=sequence-max")]
    [InlineData("objective.rejection.high", "must be at least 1", "objective.rejection.statistic=k1", "objective.rejection.high=0.5")]
    [InlineData("learner.warmUp", "must be below the run's optimizer steps (steps times minibatches), which are 20: learner.schedule=cosine would never begin", "steps=10", "learner.schedule=cosine", "learner.warmUp=20")]
    [InlineData("learner.precision", "take float32 or bfloat16", "engine.deterministic=true", "learner.precision=auto")]
    public void What_cannot_work_is_refused_with_field_value_and_remedy(string field, string remedy, params string[] sets)
    {
        var problem = Should.Throw<PreflightException>(() => Load(true, sets)).Problems.ShouldHaveSingleItem();
        problem.Field.ShouldBe(field);
        problem.Remedy.ShouldContain(remedy);
        problem.Value.ShouldBe(ConfigurationKey.Text(ConfigurationKey.Values.First(k => k.Path == field).ValueIn(Load(false, sets).Configuration)));
    }

    [Theory]
    [InlineData("objective.sapoTauPositive", "it needs objective.loss=sapo", "objective.sapoTauPositive=2")]
    [InlineData("resample.k", "it needs resample.enabled=true", "algorithm=grpo", "resample.k=2")]
    [InlineData("resample.boundary", "it needs resample.trigger=tool-using", "algorithm=axpo-resample-no-tool", "resample.boundary=first-error")]
    [InlineData("resample.prefixSpan", "it needs resample.trigger=tool-using, resample.start=prefix, a resample.prefixCredit and a resample.boundary other than first", "resample.prefixSpan=segment")]
    [InlineData("resample.prefixSpan", "it needs resample.trigger=tool-using", "algorithm=axpo-resample-no-tool", "resample.prefixSpan=segment")]
    [InlineData("objective.kl", "it needs objective.klWeight above 0", "objective.klWeight=0", "objective.kl=k2")]
    [InlineData("objective.klClamp", "it needs objective.kl=k3", "objective.kl=k1", "objective.klClamp=10")]
    [InlineData("objective.correction.high", "it needs objective.correction.level", "objective.correction.high=3")]
    [InlineData("objective.clipHigh", "it needs objective.loss=ppo, gspo or cispo", "algorithm=gpg", "objective.clipHigh=0.3")]
    [InlineData("branching.beam", "it needs branching.rule=entropy or tree", "branching.beam=3")]
    [InlineData("branching.entropyWeight", "it needs branching.rule=entropy", "algorithm=tree-grpo", "branching.entropyWeight=1")]
    [InlineData("branching.rounds", "it needs branching.rule=tree", "algorithm=arpo", "branching.rounds=2")]
    [InlineData("curriculum.start", "it needs curriculum.stepsPerCall above 0", "curriculum.start=4")]
    [InlineData("curriculum.stepsPerCall", "every length is asked from step 51 on, and training ends with step 50", "curriculum.stepsPerCall=10", "curriculum.start=4", "tasks.horizonMin=2", "tasks.horizonMax=8", "steps=50")]
    [InlineData("curriculum.stepsPerCall", "every length is asked from step 101 on", "algorithm=axpo-growing", "curriculum.start=4", "tasks.horizonMax=8", "steps=60")]
    [InlineData("learner.finalShare", "it needs learner.schedule=cosine or linear", "learner.finalShare=0.1")]
    [InlineData("learner.minibatches", "is above rollouts.questions, which is 4", "rollouts.questions=4", "learner.minibatches=8")]
    public void What_does_nothing_of_what_was_asked_is_warned_about(string field, string text, params string[] sets)
    {
        var warning = Load(true, sets).Warnings.ShouldHaveSingleItem();
        warning.Field.ShouldBe(field);
        warning.Remedy.ShouldContain(text);
    }

    [Theory]
    [MemberData(nameof(Algorithms))]
    public void Every_algorithm_is_valid_and_warns_of_nothing_under_every_convention(string algorithm)
    {
        foreach (var conventions in ConventionPresets.Names)
        {
            var loaded = Load(true, $"algorithm={algorithm}", $"conventions={conventions}");
            loaded.Warnings.ShouldBeEmpty();
            loaded.Given.ShouldBe(["algorithm", "conventions"], ignoreOrder: true);
        }
    }

    [Fact]
    public void Values_of_the_algorithm_lie_under_the_conventions_and_both_under_what_is_set()
    {
        var c = Load(true, "algorithm=dr-grpo", "conventions=trl", "objective.klTimesRatio=false").Configuration;
        (c.Algorithm, c.Conventions, c.Resample.Enabled).ShouldBe(("dr-grpo", "trl", false));
        (c.Objective.Advantage, c.Objective.Epsilon, c.Objective.KlTimesRatio, c.Objective.Correction.High).ShouldBe(("mean-only", 1e-4, false, 3));
    }

    [Theory]
    [InlineData("branching.expansions=3", "rollouts.groupSize=8")]
    [InlineData("branching.initial=4", "branching.expansions=1", "rollouts.groupSize=8")]
    [InlineData("branching.initial=0", "branching.expansions=1", "rollouts.groupSize=8")]
    public void A_tree_budget_of_eight_can_be_had(params string[] sets)
    {
        var options = Load(true, ["algorithm=tree-grpo", .. sets]).Configuration;
        TreeExpansion.Rollouts(options.Branching.InitialOf(8), options.Branching).ShouldBe(8);
    }

    [Fact]
    public void An_evaluation_is_asked_none_of_it() => Load(false, "rollouts.questions=1", "rollouts.groupSize=1", "objective.dualClip=1").Warnings.ShouldBeEmpty();

    private static LoadedConfiguration Load(bool isTraining, params string[] sets) => RunConfigurationLoader.Load(new ConfigurationSources
    {
        Sets = [.. sets.Select(s => ("--set", s))],
        IsTraining = isTraining,
    });
}
