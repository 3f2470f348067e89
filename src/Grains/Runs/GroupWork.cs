namespace Axpo.Grains.Runs;

/// <summary>Rollouts, branches or continuations that a group is asked for in one operation.</summary>
/// <param name="Question">Index of the question in the phase's list.</param>
/// <param name="Samples">Rollouts; 0: branches or continuations.</param>
/// <param name="First">Index of the first rollout.</param>
/// <param name="Forks">Branches or continuations.</param>
/// <param name="Wave">Their wave.</param>
internal sealed record GroupWork(int Question, int Samples, int First, ForkRequest[] Forks, int Wave)
{
    /// <summary>Episodes in it.</summary>
    public int Episodes => Samples + Forks.Sum(f => f.Count);

    /// <summary>The rollouts of a question.</summary>
    public static GroupWork Rollouts(int question, int samples) => new(question, samples, 0, [], 0);

    /// <summary>Fresh rollouts of a question beside those that it has.</summary>
    public static GroupWork Fresh(int question, int first, int samples) => new(question, samples, first, [], 0);

    /// <summary>Branches of a question's rollouts; the k of each prefix follow one another.</summary>
    public static GroupWork Branches(int question, IEnumerable<EpisodeId> branches, int wave) => new(
        question,
        0,
        0,
        [.. branches.GroupBy(id => (Source: id.Parent!, id.Path.Branches[^1].Boundary, id.Path.Branches[^1].Point))
            .Select(g => new ForkRequest(g.Key.Source, g.Key.Boundary, g.Count(), g.Min(id => id.Path.Branches[^1].K), g.Key.Point))],
        wave);

    /// <summary>Continuations of some prefixes, one operation a group; fresh rollouts in their place, one operation a slot.</summary>
    /// <param name="parts">Prefixes with the index of the first continuation and their number.</param>
    /// <param name="wave">Wave.</param>
    /// <param name="configuration">What a continuation begins with.</param>
    public static GroupWork[] Continuations(IEnumerable<(ResampleSelection Prefix, int First, int Count)> parts, int wave, RunConfiguration configuration) =>
        configuration.Resample.Start == ResampleStart.Fresh
            ? [.. parts.Select(p => new GroupWork(p.Prefix.Source.Question, p.Count, p.Prefix.Continuation(p.First, configuration).Rollout, [], wave))]
            : [.. parts.GroupBy(p => p.Prefix.Source.Question).OrderBy(g => g.Key).Select(g =>
                new GroupWork(g.Key, 0, 0, [.. g.Select(p => new ForkRequest(p.Prefix.Source, p.Prefix.Boundary, p.Count, p.First))], wave))];
}
