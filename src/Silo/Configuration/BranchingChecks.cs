using System.Globalization;

namespace Axpo.Silo.Configuration;

/// <summary>Combinations of branching with group size, resampling and advantages that cannot work, each with its remedy.</summary>
internal static class BranchingChecks
{
    /// <summary>Checks a configuration that is to be trained.</summary>
    /// <param name="c">The configuration.</param>
    /// <param name="report">Told of a path and what would be right: the run must not start.</param>
    public static void Check(RunConfiguration c, Action<string, string> report)
    {
        var (options, size) = (c.Branching, c.Rollouts.GroupSize);
        if (options.Rule == BranchingRule.None)
        {
            if (c.Objective.Advantage == "tree" && !c.Resample.Enabled)
            {
                report("objective.advantage", "without branches every rollout is a tree of its own; set branching.rule=tree or entropy, or take another estimator, such as grpo");
            }

            return;
        }

        if (c.Resample.Enabled)
        {
            report("branching.rule", "branches and resampled prefixes would be forks of the same rollouts; set it to none, or resample.enabled=false");
        }

        if (options.Rule == BranchingRule.Tree)
        {
            Trees(options.Initial == 0 ? options.InitialOf(size) : options.Initial, options, size, report);
        }
        else if (options.InitialOf(size) >= size)
        {
            report("branching.initial", Text($"leaves no rollout of the group for a branch: rollouts.groupSize is {size}; make it less than that, or raise rollouts.groupSize"));
        }
    }

    private static void Trees(int trees, BranchingOptions options, int size, Action<string, string> report)
    {
        var rollouts = TreeExpansion.Rollouts(trees, options);
        if (rollouts != size)
        {
            report("rollouts.groupSize", Text($"must be what the trees come to: {trees} trees x (1 + {options.Expansions} expansions x {options.Rounds} rounds) = {rollouts}; set it to that, or change branching.initial, branching.expansions or branching.rounds"));
        }
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
