namespace Axpo.Core;

/// <summary>The rules of branching by configuration.</summary>
public static class BranchingRules
{
    /// <summary>The rule of a run.</summary>
    /// <param name="configuration">Its configuration.</param>
    /// <param name="vocabularySize">Size of the vocabulary, at least 2.</param>
    /// <returns>Null: nothing branches.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The rule is unknown.</exception>
    public static IBranchingRule? Of(RunConfiguration configuration, int vocabularySize)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var rule = configuration.Branching.Rule;
        return rule switch
        {
            BranchingRule.None => null,
            BranchingRule.Entropy => new EntropyBranching(configuration, vocabularySize),
            BranchingRule.Tree => new TreeExpansion(configuration),
            _ => throw new ArgumentOutOfRangeException(nameof(configuration), rule, $"branching.rule: unknown; one of {string.Join(", ", ConfigurationKey.Names(typeof(BranchingRule)))}"),
        };
    }
}
