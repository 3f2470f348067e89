namespace Axpo.Grains.Runs;

/// <summary>
/// The rollouts of a group where some branch off others: initial ones, then wave by wave the branches that the rule names, then fresh ones for what it left of N. Everything is a pure
/// function of the outcomes, so after a crash the same waves are asked for again and find what is stored.
/// </summary>
internal sealed class Branching(RunConfiguration configuration, IBranchingRule rule)
{
    /// <summary>Branching as a run is configured; null: nothing branches.</summary>
    /// <param name="configuration">The run's.</param>
    /// <param name="chat">The policy's chat format, asked for its vocabulary.</param>
    public static async ValueTask<Branching?> OfAsync(RunConfiguration configuration, Func<ValueTask<IChatFormat>> chat) =>
        configuration.Branching.Rule != BranchingRule.None && BranchingRules.Of(configuration, (await chat()).VocabularySize) is { } rule ? new Branching(configuration, rule) : null;

    /// <summary>Rolls a question out.</summary>
    /// <param name="question">Index of the question in the phase's list.</param>
    /// <param name="run">Has the group do a part of its work.</param>
    /// <returns>N rollouts: initial ones, branches in the order of their waves, fresh ones.</returns>
    public async Task<IReadOnlyList<RolloutSummary>> RollOutAsync(int question, Func<GroupWork, Task<IReadOnlyList<RolloutSummary>>> run)
    {
        var size = configuration.Rollouts.GroupSize;
        var initial = configuration.Branching.InitialOf(size);
        List<RolloutSummary> group = [.. await run(GroupWork.Rollouts(question, initial))];
        for (var wave = 0; rule.Next(group, wave) is { } branches; wave++)
        {
            if (branches.Length > 0)
            {
                var done = (await run(GroupWork.Branches(question, branches, wave))).ToDictionary(r => r.Id);
                group.AddRange(branches.Select(id => done[id]));
            }
        }

        if (group.Count < size)
        {
            group.AddRange(await run(GroupWork.Fresh(question, initial, size - group.Count)));
        }

        return group;
    }
}
