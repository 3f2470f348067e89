namespace Axpo.Core;

/// <summary>The algorithms by name: each is a set of values over the paper's recipe, which the defaults of <see cref="RunConfiguration"/> hold.</summary>
public static class AlgorithmPresets
{
    private const string Axpo = "arXiv:2605.28774";
    private const string Ablation = Axpo + ", ablations";
    private const string Ours = "ours";

    private static readonly PresetValue _noResampling = new("resample.enabled", false, "GRPO resamples nothing");

    /// <summary>Every algorithm, AXPO first.</summary>
    public static IReadOnlyList<Preset> All { get; } =
    [
        new("axpo", "Agent explorative policy optimization: failed tool calls are resampled from their prefix.", Axpo, []),
        new("grpo", "Group-relative policy optimization with the paper's recipe.", "arXiv:2402.03300", [_noResampling]),
        new("grpo-plus25", "GRPO with a quarter more rollouts: AXPO's budget without AXPO.", Axpo + ", baselines", [_noResampling, new("rollouts.groupSize", 10, "N = 8 x 1.25")]),
        new("grpo-2x", "GRPO with twice the rollouts.", Axpo + ", baselines", [_noResampling, new("rollouts.groupSize", 16, "N = 8 x 2")]),
        new(
            "dapo",
            "Groups without spread are replaced, every token weighs the same, long answers are punished, no divergence.",
            "arXiv:2503.14476",
            [
                _noResampling,
                new("rollouts.dynamicSampling", 3, "DAPO (11); the limit is ours"),
                new("objective.aggregation", LossAggregation.TokenMean, "DAPO (8)"),
                new("objective.klWeight", 0.0, "DAPO 2.3"),
                new("rewards.overlongBuffer", 128, "DAPO (13): a quarter of the longest episode"),
                new("rewards.overlongPenalty", 1.0, "DAPO (13)"),
            ]),
        new(
            "dr-grpo",
            "No deviation, no division by length.",
            "arXiv:2503.20783",
            [
                _noResampling,
                new("objective.advantage", "mean-only", "Dr.GRPO 3.2"),
                new("objective.aggregation", LossAggregation.SeqMeanTokenSumNorm, "Dr.GRPO, listing 1; the length is rollouts.maxTokens"),
            ]),
        new(
            "gspo",
            "One importance ratio a sequence.",
            "arXiv:2507.18071",
            [
                _noResampling,
                new("objective.loss", "gspo", "GSPO (5) to (7)"),
                new("objective.clipLow", 3e-4, "GSPO 5.1"),
                new("objective.clipHigh", 4e-4, "GSPO 5.1"),
            ]),
        new(
            "cispo",
            "The importance weight is clipped and detached; every token keeps its gradient.",
            "arXiv:2506.13585",
            [
                _noResampling,
                new("objective.loss", "cispo", "CISPO (4)"),
                new("objective.clipLow", 1.0, "CISPO 3.1: no lower bound"),
                new("objective.clipHigh", 4.0, "TRL's eps_high 5 as 1 + clipHigh"),
                new("objective.aggregation", LossAggregation.TokenMean, "CISPO (4)"),
            ]),
        new("rloo", "Each reward against the mean of its group's others.", "arXiv:2402.14740", [_noResampling, new("objective.advantage", "rloo", "RLOO (8)")]),
        new(
            "reinforce++",
            "Returns normalised over the batch, no group baseline.",
            "arXiv:2501.03262",
            [_noResampling, new("objective.advantage", "reinforce++", "REINFORCE++ 3"), new("objective.aggregation", LossAggregation.TokenMean, "verl 0.9.1, default")]),
        new(
            "reinforce++-baseline",
            "Rewards minus their group's mean, normalised over the batch.",
            "arXiv:2501.03262",
            [_noResampling, new("objective.advantage", "reinforce++-baseline", "REINFORCE++ 3, baseline"), new("objective.aggregation", LossAggregation.TokenMean, "verl 0.9.1, default")]),
        new("tool-bonus", "GRPO with +.1 for a rollout that calls a tool.", Axpo + ", baselines", [_noResampling, new("rewards.toolTerm", .1, Ours)]),
        new("tool-penalty", "GRPO with -.1 for a rollout that calls a tool.", Axpo + ", baselines", [_noResampling, new("rewards.toolTerm", -.1, Ours)]),
        new("bnpo", "GRPO with one mean over all tokens of the batch.", "TRL 1.16.0, loss_type bnpo", [_noResampling, new("objective.aggregation", LossAggregation.TokenMean, "grpo_trainer.py, _compute_loss")]),
        new(
            "luspo",
            "GSPO with the sum over a sequence's tokens.",
            "arXiv:2602.05261",
            [
                _noResampling,
                new("objective.loss", "gspo", "TRL 1.16.0, grpo_trainer.py, _compute_loss"),
                new("objective.clipLow", 2e-3, "LUSPO 5.1"),
                new("objective.clipHigh", 2.5e-3, "LUSPO 5.1"),
                new("objective.aggregation", LossAggregation.SeqMeanTokenSum, "TRL 1.16.0, grpo_trainer.py, _compute_loss"),
            ]),
        new("sapo", "A soft gate in place of the clip.", "arXiv:2511.20347", [_noResampling, new("objective.loss", "sapo", "SAPO (5), (6)")]),
        new("dro", "A squared log-ratio in place of the clip.", "arXiv:2405.19107", [_noResampling, new("objective.loss", "dro", "verl 0.9.1, core_algos.py")]),
        new(
            "gpg",
            "Plain policy gradient.",
            "arXiv:2504.02546",
            [
                _noResampling,
                new("objective.advantage", "gpg", "verl 0.9.1, core_algos.py"),
                new("objective.loss", "policy-gradient", "verl 0.9.1, core_algos.py"),
                new("objective.aggregation", LossAggregation.TokenMean, "verl 0.9.1, default"),
            ]),
        new("opo", "The baseline is the length-weighted mean of the group.", "arXiv:2505.23585", [_noResampling, new("objective.advantage", "opo", "OPO 3.2")]),
        new(
            "arpo",
            "Agentic reinforced policy optimization: half of the rollouts branch off the others after tool results that leave the policy uncertain.",
            "arXiv:2507.19849",
            [_noResampling, new("branching.rule", BranchingRule.Entropy, "ARPO 3.1; p .5, weight .2, beam 2 and half of the group as in its code")]),
        new(
            "tree-grpo",
            "Tree-based GRPO: random turns of every rollout's tree are expanded; advantages inside the tree and between trees.",
            "arXiv:2509.21240",
            [
                _noResampling,
                new("branching.rule", BranchingRule.Tree, "Tree-GRPO, tree search; N = 2, L = 1"),
                new("branching.initial", 2, "Tree-GRPO, M = 2"),
                new("rollouts.groupSize", 6, "M (1 + N L) = 2 (1 + 2 x 1)"),
                new("objective.advantage", "tree", "Tree-GRPO, intra-tree and inter-tree advantages"),
                new("objective.singleton", SingletonRule.Reward, "Tree-GRPO; as verl, which its code builds on: mean 0 and deviation 1"),
            ]),
        new(
            "axpo-growing",
            "AXPO for chains longer than the policy has learnt: training asks no longer ones than it may learn next, and a call more every twenty steps; set curriculum.start to the first length that it fails at. No better than axpo where it was measured.",
            Ours + ", docs/decisions/0011",
            [new("curriculum.stepsPerCall", 20, Ours + ", docs/results/study2-growing")]),
        new("axpo-no-prefix-fix", "Ablation: fresh rollouts of the question for the same budget.", Ablation, [new("resample.start", ResampleStart.Fresh, Axpo + ", no prefix fix")]),
        new("axpo-resample-no-tool", "Ablation: questions whose no-tool rollouts are all wrong, from before the answer.", Ablation, [new("resample.trigger", ResampleTrigger.NoTool, Axpo + ", no-tool")]),
        new("axpo-random-rank", "Ablation: sources in random order.", Ablation, [new("resample.ranking", ResampleRanking.Random, Axpo + ", random rank")]),
        new("axpo-no-prefix-credit", "Ablation: the prefix carries no loss.", Ablation, [new("resample.prefixCredit", PrefixCredit.None, Axpo + ", no prefix credit")]),
        new("axpo-merged-group", "Ablation: one mean and deviation over originals and continuations.", Ablation, [new("resample.statistics", ResampleStatistics.Merged, Axpo + ", merged group")]),
    ];

    /// <summary>Known names.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. All.Select(p => p.Name)];

    /// <summary>The preset of a name.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public static Preset Get(string name) =>
        All.FirstOrDefault(p => p.Name == name) ?? throw new ArgumentException($"algorithm = '{name}': unknown{NearestName.Hint(name, Names)}", nameof(name));

    /// <summary>A configuration with an algorithm's values in it, and its name.</summary>
    /// <exception cref="ArgumentException">There is no such algorithm.</exception>
    public static RunConfiguration Apply(string name, RunConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return Get(name).ApplyTo(configuration) with { Algorithm = name };
    }
}
