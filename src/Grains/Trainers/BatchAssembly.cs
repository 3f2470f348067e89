namespace Axpo.Grains.Trainers;

/// <summary>Reads the rollouts of a step by id and has their advantages assigned.</summary>
internal static class BatchAssembly
{
    /// <summary>The batch of a request.</summary>
    /// <exception cref="KeyNotFoundException">A rollout that the request does not name as Void is not stored.</exception>
    /// <exception cref="InvalidDataException">One is stored as Void: the run has counted another outcome.</exception>
    public static async Task<UpdateBatch> BuildAsync(string run, TrainRequest request, RunConfiguration configuration, ITrajectoryStore store, CancellationToken cancellationToken)
    {
        var left = request.Void.ToHashSet();
        var branches = request.Branches.ToLookup(id => id.Question);
        EpisodeId[][] groups = [.. request.Questions.Select(q =>
            Enumerable.Range(0, request.GroupSize - branches[q].Count()).Select(r => new EpisodeId(run, Phase.Train, request.Step, q, r)).Concat(branches[q]).ToArray())];
        EpisodeId[][] forks = [.. request.Plan.Selections.Select(s => s.Continuations(configuration).ToArray())];
        EpisodeId[] wanted = [.. groups.Concat(forks).SelectMany(g => g).Where(id => !left.Contains(id))];
        var stored = (await store.GetAsync(wanted, cancellationToken)).ToDictionary(r => r.Id);
        if (stored.Values.FirstOrDefault(r => r.Outcome == Outcome.Void) is { } lost)
        {
            throw new InvalidDataException($"rollout {lost.Id} of batch '{request.Batch}' is stored as Void ({lost.Cause}), but the run counted an outcome; its trajectory file was changed");
        }

        return await Task.Run(
            () => AdvantageAssigner.Assign(request.Batch, request.Step, Found(groups), request.Plan, Found(forks), configuration),
            cancellationToken);

        Rollout?[][] Found(EpisodeId[][] ids) => [.. ids.Select(g => g.Select(id => stored.GetValueOrDefault(id)).ToArray())];
    }
}
