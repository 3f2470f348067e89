using System.Globalization;

namespace Axpo.Silo.Configuration;

/// <summary>
/// Combinations of rollouts, resampling and objective that cannot work, each with its remedy; and those that work but do nothing of what was asked for, which are warned about.
/// They concern training: an evaluation asks none of them.
/// </summary>
internal static class ObjectiveRules
{
    /// <summary>What has an effect only where something else holds: a prefix of paths, whether it holds, and what would.</summary>
    private static readonly (string Prefix, Func<RunConfiguration, bool> HasEffect, string Needs)[] _idle =
    [
        ("resample.", c => c.Resample.Enabled, "resample.enabled=true"),
        ("resample.boundary", c => c.Resample is { Trigger: ResampleTrigger.ToolUsing, Start: ResampleStart.Prefix }, "resample.trigger=tool-using and resample.start=prefix"),
        ("resample.prefixCredit", c => c.Resample.Start == ResampleStart.Prefix, "resample.start=prefix"),
        ("resample.prefixSpan", c => c.Resample is { Trigger: ResampleTrigger.ToolUsing, Start: ResampleStart.Prefix, PrefixCredit: not PrefixCredit.None, Boundary: not Boundary.First }, "resample.trigger=tool-using, resample.start=prefix, a resample.prefixCredit and a resample.boundary other than first"),
        ("branching.", c => c.Branching.Rule != BranchingRule.None, "branching.rule=entropy or tree"),
        ("branching.probability", c => c.Branching.Rule == BranchingRule.Entropy, "branching.rule=entropy"),
        ("branching.entropyWeight", c => c.Branching.Rule == BranchingRule.Entropy, "branching.rule=entropy"),
        ("branching.beam", c => c.Branching.Rule == BranchingRule.Entropy, "branching.rule=entropy"),
        ("branching.expansions", c => c.Branching.Rule == BranchingRule.Tree, "branching.rule=tree"),
        ("branching.rounds", c => c.Branching.Rule == BranchingRule.Tree, "branching.rule=tree"),
        ("objective.gamma", c => c.Objective.Advantage == "reinforce++", "objective.advantage=reinforce++"),
        ("objective.dualClip", c => c.Objective.Loss == "ppo", "objective.loss=ppo"),
        ("objective.ratioCap", c => c.Objective.Loss is "ppo" or "gspo", "objective.loss=ppo or gspo"),
        ("objective.clip", c => c.Objective.Loss is "ppo" or "gspo" || (c.Objective.Loss == "cispo" && c.Objective.CispoCap == 0), "objective.loss=ppo, gspo or cispo without objective.cispoCap"),
        ("objective.cispoCap", c => c.Objective.Loss == "cispo", "objective.loss=cispo"),
        ("objective.sapo", c => c.Objective.Loss == "sapo", "objective.loss=sapo"),
        ("objective.droBeta", c => c.Objective.Loss == "dro", "objective.loss=dro"),
        ("objective.aggregationLength", c => c.Objective.Aggregation == LossAggregation.SeqMeanTokenSumNorm, "objective.aggregation=seq-mean-token-sum-norm"),
        ("objective.rowEpsilon", c => c.Objective.Aggregation == LossAggregation.SeqMeanTokenMean, "objective.aggregation=seq-mean-token-mean"),
        ("objective.kl", c => c.Objective.KlWeight > 0, "objective.klWeight above 0"),
        ("objective.klInputClamp", c => c.Objective.Kl == KlEstimator.K3, "objective.kl=k3"),
        ("objective.klClamp", c => c.Objective.Kl == KlEstimator.K3, "objective.kl=k3"),
        ("objective.offPolicyThreshold", c => c.Objective.OffPolicyMask, "objective.offPolicyMask=true"),
        ("objective.correction.", c => c.Objective.Correction.Level != CorrectionLevel.None, "objective.correction.level=token or sequence"),
        ("objective.rejection.", c => c.Objective.Rejection.Statistic != RejectionStatistic.None, "objective.rejection.statistic=k1, k2 or k3"),
        ("learner.finalShare", c => c.Learner.Schedule != RateShape.Constant, "learner.schedule=cosine or linear"),
        ("curriculum.", c => c.Curriculum.StepsPerCall > 0, "curriculum.stepsPerCall above 0"),
        ("rewards.overlongPenalty", c => c.Rewards.OverlongBuffer > 0, "rewards.overlongBuffer above 0"),
    ];

    /// <summary>The switches that the needs above name: setting one of them to off is no mistake.</summary>
    private static readonly string[] _switches = ["resample.enabled", "branching.rule", "objective.klWeight", "objective.correction.level", "objective.rejection.statistic", "curriculum.stepsPerCall"];

    /// <summary>Checks a configuration that is to be trained.</summary>
    /// <param name="c">The configuration.</param>
    /// <param name="given">Paths that a source set.</param>
    /// <param name="report">Told of a path and what would be right: the run must not start.</param>
    /// <param name="warn">Told of a path and what it lacks: the run starts.</param>
    public static void Check(RunConfiguration c, IReadOnlyCollection<string> given, Action<string, string> report, Action<string, string> warn)
    {
        Sampling(c, report);
        Resampling(c, report);
        BranchingChecks.Check(c, report);
        Losses(c, report);
        Learner(c, report);
        Curriculum(c, report, warn);
        foreach (var path in given.Where(g => !_switches.Contains(g)).Order(StringComparer.Ordinal))
        {
            if (_idle.FirstOrDefault(i => path.StartsWith(i.Prefix, StringComparison.Ordinal) && !i.HasEffect(c)) is { Needs: { } needs })
            {
                warn(path, $"has no effect here; it needs {needs}");
            }
        }

        if (c.Learner.Minibatches > c.Rollouts.Questions)
        {
            warn("learner.minibatches", Text($"is above rollouts.questions, which is {c.Rollouts.Questions}: a minibatch holds whole questions, so there will be {c.Rollouts.Questions}"));
        }
    }

    private static void Sampling(RunConfiguration c, Action<string, string> report)
    {
        var (rollouts, objective) = (c.Rollouts, c.Objective);
        foreach (var (path, isOn) in new[] { ("rollouts.topP", rollouts.TopP < 1), ("rollouts.topK", rollouts.TopK > 0) })
        {
            if (isOn && (objective.Loss != "policy-gradient" || objective.Correction.Level != CorrectionLevel.None || objective.Rejection.Statistic != RejectionStatistic.None))
            {
                report(path, "the importance ratio would compare the truncated distribution that was sampled from with the whole one; train without it, or with objective.loss=policy-gradient and neither correction nor rejection");
            }
        }

        if (rollouts.GroupSize == 1 && objective.Advantage != "reinforce++" && objective.Singleton == SingletonRule.Zero)
        {
            report("rollouts.groupSize", $"a group of one has no spread, so objective.advantage={objective.Advantage} teaches nothing; make it at least 2, or set objective.singleton=reward, or objective.advantage=reinforce++");
        }

        if (rollouts.DynamicSampling > 0 && c.Resample.Enabled)
        {
            report("rollouts.dynamicSampling", "would replace the all-wrong groups that resampling is triggered by; set it to 0, or resample.enabled=false");
        }

        if (c.Rewards.OverlongBuffer >= rollouts.MaxTokens)
        {
            report("rewards.overlongBuffer", Text($"must be below rollouts.maxTokens, which is {rollouts.MaxTokens}: every rollout would be punished"));
        }
    }

    private static void Resampling(RunConfiguration c, Action<string, string> report)
    {
        var resample = c.Resample;
        if (!resample.Enabled)
        {
            return;
        }

        if (ResamplePlanner.Budget(c.Rollouts.Questions, c.Rollouts.GroupSize, resample) == 0)
        {
            var budget = Math.Floor((resample.BudgetRatio * c.Rollouts.Questions * c.Rollouts.GroupSize) + 1e-9);
            report("resample.k", Text($"no prefix fits the budget: r*B*N = {resample.BudgetRatio} x {c.Rollouts.Questions} x {c.Rollouts.GroupSize} allows {budget} continuations; lower it, raise resample.budgetRatio, or set resample.enabled=false"));
        }

        if (c.Branching.Rule == BranchingRule.None && AdvantageEstimators.All.FirstOrDefault(e => e.Name == c.Objective.Advantage) is not (null or GroupAdvantage))
        {
            report("objective.advantage", $"prefixes and continuations need an estimator of one group, of which there are {string.Join(", ", AdvantageEstimators.All.OfType<GroupAdvantage>().Select(e => e.Name))}; take one, or set resample.enabled=false");
        }

        if (resample is { Allocation: ResampleAllocation.Sequential, Start: ResampleStart.Fresh })
        {
            report("resample.allocation", "fresh rollouts have no prefix that a success could close; set it to parallel, or resample.start=prefix");
        }
    }

    private static void Learner(RunConfiguration c, Action<string, string> report)
    {
        var steps = (long)c.Steps * Math.Min(c.Learner.Minibatches, c.Rollouts.Questions);
        if (c.Steps > 0 && c.Learner.Schedule != RateShape.Constant && c.Learner.WarmUp >= steps)
        {
            report("learner.warmUp", Text($"must be below the run's optimizer steps (steps times minibatches), which are {steps}: learner.schedule={ConfigurationKey.Text(c.Learner.Schedule)} would never begin; lower it, or raise steps"));
        }

        if (c.Engine.Deterministic && c.Learner.Precision == LearnerPrecision.Auto)
        {
            report("learner.precision", "auto depends on the machine, and engine.deterministic=true promises the same weights on any; take float32 or bfloat16");
        }
    }

    private static void Curriculum(RunConfiguration c, Action<string, string> report, Action<string, string> warn)
    {
        var (curriculum, tasks) = (c.Curriculum, c.Tasks);
        if (curriculum.StepsPerCall == 0)
        {
            return;
        }

        if (tasks.Questions is not null)
        {
            report("curriculum.stepsPerCall", "grows the chains of suites, and the questions of a file (tasks.questions) are as long as they are; set it to 0");
        }

        if (tasks.HorizonMax > 0 && curriculum.Start > tasks.HorizonMax)
        {
            report("curriculum.start", Text($"must be at most tasks.horizonMax, which is {tasks.HorizonMax}"));
        }
        else if (c.Steps > 0 && tasks.HorizonMax > 0 && Math.Max(tasks.HorizonMin, curriculum.Start) > 0 && curriculum.FirstOfAll(tasks.HorizonMin, tasks.HorizonMax) is var first && first > c.Steps)
        {
            warn("curriculum.stepsPerCall", Text($"every length is asked from step {first} on, and training ends with step {c.Steps}; lower it, or raise steps"));
        }
    }

    private static void Losses(RunConfiguration c, Action<string, string> report)
    {
        var objective = c.Objective;
        if (objective.Loss == "ppo" && objective.DualClip is > 0 and <= 1)
        {
            report("objective.dualClip", "must be above 1, or 0 for off: at 1 or below it would cap the loss of tokens whose ratio has not moved");
        }

        if (objective.Loss is "ppo" or "gspo" && objective.RatioCap > 0 && objective.RatioCap <= 1 + objective.ClipHigh)
        {
            report("objective.ratioCap", Text($"must be above 1 + objective.clipHigh, which is {1 + objective.ClipHigh}, or 0 for off: below it the clip of positive advantages never acts"));
        }

        if (objective.Loss == "cispo" && objective.CispoCap is > 0 and < 1)
        {
            report("objective.cispoCap", "is an absolute cap of the ratio and must be at least 1, or 0 for the two-sided clamp: below 1 it shrinks every weight, unmoved ones too (TRL's default of .2 does)");
        }

        var rejection = objective.Rejection;
        if (rejection is { Statistic: RejectionStatistic.K1, Level: RejectionLevel.SequenceMax })
        {
            report("objective.rejection.level", "k1 has two bounds and no maximum; take token, sequence-sum or sequence-mean, or objective.rejection.statistic=k2 or k3");
        }

        if (rejection is { Statistic: RejectionStatistic.K1, High: < 1 })
        {
            report("objective.rejection.high", "bounds a ratio here and must be at least 1, or everything is rejected");
        }
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
