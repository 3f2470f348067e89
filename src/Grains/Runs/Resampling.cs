namespace Axpo.Grains.Runs;

/// <summary>
/// The continuations of a step, all at once or in waves. Everything is a pure function of the outcomes, so after a crash the same waves are asked for again and find
/// what is stored.
/// </summary>
/// <param name="configuration">How to resample.</param>
/// <param name="run">Has groups do their work; answers every episode.</param>
internal sealed class Resampling(RunConfiguration configuration, Func<IReadOnlyList<GroupWork>, Task<IReadOnlyList<RolloutSummary>>> run)
{
    private readonly Func<EpisodeId, double> _rankKey = RankKeys.Of(configuration.Seed);

    private ResampleOptions Options => configuration.Resample;

    /// <summary>The plan before anything of it has run.</summary>
    public ResamplePlan Plan(IReadOnlyList<IReadOnlyList<RolloutSummary>> groups) => ResamplePlanner.Plan(groups, configuration.Rollouts.GroupSize, Options, _rankKey);

    /// <summary>Runs a plan.</summary>
    /// <returns>The plan as it was carried out and its continuations, one list a selection.</returns>
    public async Task<(ResamplePlan Plan, IReadOnlyList<IReadOnlyList<RolloutSummary>> Continuations)> RunAsync(ResamplePlan plan, IReadOnlyList<IReadOnlyList<RolloutSummary>> groups)
    {
        if (plan.Selections.Length == 0)
        {
            return (plan, []);
        }

        if (Options.Allocation == ResampleAllocation.Sequential)
        {
            return await InWavesAsync(plan, ResamplePlanner.Rank(groups, Options, _rankKey));
        }

        var done = await RunAsync(plan.Selections.Select(s => (s, 0, s.Count)), 0);
        return (plan, [.. plan.Selections.Select(s => (IReadOnlyList<RolloutSummary>)[.. s.Continuations(configuration).Select(id => done[id])])]);
    }

    private async Task<(ResamplePlan Plan, IReadOnlyList<IReadOnlyList<RolloutSummary>> Continuations)> InWavesAsync(ResamplePlan plan, IReadOnlyList<ResampleSelection> ranking)
    {
        var opened = new List<List<RolloutSummary>>();
        for (var wave = 0; Next() is { Length: > 0 } next; wave++)
        {
            opened.AddRange(next.Where(i => i >= opened.Count).Select(_ => new List<RolloutSummary>()).ToArray());
            var done = await RunAsync(next.Select(i => (ranking[i], opened[i].Count, 1)), wave);
            foreach (var i in next)
            {
                opened[i].Add(done[ranking[i].Continuation(opened[i].Count, configuration)]);
            }
        }

        return (plan with { Selections = [.. opened.Select((o, i) => ranking[i] with { Count = o.Count })] }, opened);

        int[] Next() => SequentialAllocation.NextWave(ranking.Count, plan.Budget, Options.K, [.. opened.Select(o => o.Select(r => r.Outcome).ToArray())]);
    }

    private async Task<Dictionary<EpisodeId, RolloutSummary>> RunAsync(IEnumerable<(ResampleSelection Prefix, int First, int Count)> parts, int wave) =>
        (await run(GroupWork.Continuations(parts, wave, configuration))).ToDictionary(r => r.Id);
}
