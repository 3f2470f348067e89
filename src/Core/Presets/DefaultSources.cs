namespace Axpo.Core;

/// <summary>Where the defaults of <see cref="RunConfiguration"/> come from.</summary>
public static class DefaultSources
{
    private const string Recipe = "arXiv:2605.28774, training recipe";
    private const string Arpo = "arXiv:2507.19849 and its code";
    private const string TreeGrpo = "arXiv:2509.21240";
    private const string Regime = "Axpo, measured on the shipped policies";

    private static readonly Dictionary<string, string> _known = new(StringComparer.Ordinal)
    {
        ["rollouts.groupSize"] = Recipe,
        ["rollouts.temperature"] = Recipe,
        ["rollouts.turnsTraining"] = Recipe,
        ["rollouts.turnsEvaluation"] = Recipe,
        ["resample.k"] = Recipe,
        ["resample.budgetRatio"] = Recipe,
        ["resample.boundary"] = "arXiv:2605.28774, prefix",
        ["resample.trigger"] = "arXiv:2605.28774, trigger",
        ["resample.start"] = "arXiv:2605.28774, (5)",
        ["resample.ranking"] = "arXiv:2605.28774, ranking",
        ["resample.prefixCredit"] = "arXiv:2605.28774, (3)",
        ["resample.prefixSpan"] = "arXiv:2605.28774, (5)",
        ["resample.statistics"] = "arXiv:2605.28774, (2) and (4)",
        ["resample.allocation"] = "arXiv:2605.28774, budget",
        ["branching.initial"] = Arpo,
        ["branching.probability"] = Arpo,
        ["branching.entropyWeight"] = Arpo,
        ["branching.beam"] = Arpo,
        ["branching.expansions"] = TreeGrpo,
        ["branching.rounds"] = TreeGrpo,
        ["objective.advantage"] = "arXiv:2605.28774, (2) and (4)",
        ["objective.loss"] = "arXiv:2605.28774, (6)",
        ["objective.clipLow"] = Recipe,
        ["objective.clipHigh"] = Recipe,
        ["objective.klWeight"] = Recipe,
        ["evaluation.samples"] = "arXiv:2605.28774, evaluation",
        ["rollouts.questions"] = Regime,
        ["steps"] = Regime,
        ["learner.learningRate"] = Regime,
        ["learner.beta2"] = Regime,
        ["learner.gradientClip"] = Regime,
        ["learner.minibatches"] = Regime,
    };

    /// <summary>The source of a key's default: the paper where it states the value, else Axpo.</summary>
    public static string Of(string path) => _known.GetValueOrDefault(path, "Axpo");

    /// <summary>Keys whose default has a stated source.</summary>
    public static IReadOnlyCollection<string> Keys => _known.Keys;
}
