namespace Axpo.Grains.Runs;

/// <summary>The groups of a training step.</summary>
/// <param name="Questions">Index of the question at each place of the batch [B].</param>
/// <param name="Groups">Their rollouts [B][N].</param>
/// <param name="Replaced">Groups that dynamic sampling replaced.</param>
internal sealed record TrainingBatch(int[] Questions, IReadOnlyList<RolloutSummary>[] Groups, List<IReadOnlyList<RolloutSummary>> Replaced)
{
    /// <summary>Rollouts of the batch that branched off another one of their group, in order.</summary>
    public EpisodeId[] Branches => [.. Groups.SelectMany(g => g).Select(r => r.Id).Where(id => !id.Path.IsEmpty)];

    /// <summary>Gives the places of groups without spread to fresh questions, as many as there are.</summary>
    /// <param name="available">Questions of the step's list.</param>
    /// <param name="rollOut">Rolls questions out, in their order.</param>
    /// <param name="release">Told of the questions that were replaced.</param>
    /// <returns>False: every group has spread, or no question is left.</returns>
    public async Task<bool> ReplaceAsync(int available, Func<int[], Task<IReadOnlyList<RolloutSummary>[]>> rollOut, Func<int[], Task> release)
    {
        var used = Questions.Length + Replaced.Count;
        int[] places = [.. DynamicSampling.WithoutSpread(Groups).Take(available - used)];
        if (places.Length == 0)
        {
            return false;
        }

        await release([.. places.Select(p => Questions[p])]);
        int[] fresh = [.. Enumerable.Range(used, places.Length)];
        var groups = await rollOut(fresh);
        for (var i = 0; i < places.Length; i++)
        {
            Replaced.Add(Groups[places[i]]);
            (Questions[places[i]], Groups[places[i]]) = (fresh[i], groups[i]);
        }

        return true;
    }
}
