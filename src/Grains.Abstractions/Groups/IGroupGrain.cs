using System.Globalization;

namespace Axpo.Grains.Abstractions;

/// <summary>Continuations of one prefix.</summary>
/// <param name="Source">The rollout whose prefix is shared.</param>
/// <param name="Boundary">Index of the call in the source's list of calls; their number: before the answer. Or index of the turn.</param>
/// <param name="Count">Continuations.</param>
/// <param name="First">Index of the first of them.</param>
/// <param name="Point">What <paramref name="Boundary"/> counts.</param>
[GenerateSerializer, Immutable, Alias("axpo.ForkRequest")]
public sealed record ForkRequest(
    [property: Id(0)] EpisodeId Source,
    [property: Id(1)] int Boundary,
    [property: Id(2)] int Count,
    [property: Id(3)] int First = 0,
    [property: Id(4)] BranchPoint Point = BranchPoint.Call)
{
    /// <summary>The ids of the continuations, in order.</summary>
    public IEnumerable<EpisodeId> Episodes => Enumerable.Range(First, Count).Select(k => Source.Fork(new Branch(Boundary, k, Point)));
}

/// <summary>What a group is asked to do. Its operation id is <see cref="Operation"/>.</summary>
[GenerateSerializer, Immutable, Alias("axpo.GroupRequest")]
public sealed record GroupRequest
{
    /// <summary>Operation of a group's original rollouts.</summary>
    public const string Rollouts = "rollouts";

    /// <summary>Operation of a group's continuations; those of a later wave have its number behind it.</summary>
    public const string Continuations = "forks";

    /// <summary>Operation of branches, which are rollouts of the group; those of a later wave have its number behind it.</summary>
    public const string Branches = "branches";

    /// <summary>Rollouts of the question: N, or fresh ones beside them.</summary>
    [Id(0)] public int Samples { get; init; }

    /// <summary>Continuations; if there are any, no original rollout is made.</summary>
    [Id(1)] public ForkRequest[] Forks { get; init; } = [];

    /// <summary>How to sample.</summary>
    [Id(2)] public required SamplingOptions Sampling { get; init; }

    /// <summary>Weights that the engine must hold; null: the model's own.</summary>
    [Id(4)] public WeightsVersion? Weights { get; init; }

    /// <summary>Most episodes that the group keeps live.</summary>
    [Id(5)] public int MaxLive { get; init; } = int.MaxValue;

    /// <summary>Whether earlier work may exist: stored rollouts and journals are looked for first.</summary>
    [Id(6)] public bool Resume { get; init; }

    /// <summary>Index of the first rollout; above 0 for fresh rollouts beside the group's own.</summary>
    [Id(7)] public int First { get; init; }

    /// <summary>Wave of the continuations, from 0.</summary>
    [Id(8)] public int Wave { get; init; }

    /// <summary>Void outcomes of an attempt below this are no outcomes: their episodes are tried again.</summary>
    [Id(9)] public int FirstAttempt { get; init; } = 1;

    /// <summary>The operation id inside the group: distinct for whatever is asked of it.</summary>
    public string Operation => (Forks.Length, Wave, First) switch
    {
        ( > 0, 0, _) => Forked,
        ( > 0, _, _) => string.Create(CultureInfo.InvariantCulture, $"{Forked}/{Wave}"),
        (_, _, 0) => Rollouts,
        _ => string.Create(CultureInfo.InvariantCulture, $"{Rollouts}/{First}"),
    };

    /// <summary>Whether another request of the same operation is for the same episodes.</summary>
    public bool AsksForTheSame(GroupRequest other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return (Samples, First) == (other.Samples, other.First) && Forks.SequenceEqual(other.Forks);
    }

    private string Forked => Forks[0].Point == BranchPoint.Turn ? Branches : Continuations;
}

/// <summary>What a group's operation came to, in order of rollouts (continuations: of forks, then k).</summary>
[GenerateSerializer, Immutable, Alias("axpo.GroupResult")]
public sealed record GroupResult([property: Id(0)] RolloutSummary[] Rollouts);

/// <summary>Where a group stands.</summary>
[GenerateSerializer, Immutable, Alias("axpo.GroupStatus")]
public sealed record GroupStatus([property: Id(0)] string Operation, [property: Id(1)] int Finished, [property: Id(2)] int Planned);

/// <summary>The rollouts of one question; key <c>{run}/{phase}/{step}/{question}</c>.</summary>
[Alias("axpo.IGroupGrain")]
public interface IGroupGrain : IGrainWithStringKey
{
    /// <summary>Starts an operation; starting it twice is the same as once.</summary>
    [Alias("Start")]
    Task<Pending<GroupResult>> StartAsync(GroupRequest request);

    /// <summary>Waits for an operation, at most 15 s.</summary>
    [Alias("Wait"), AlwaysInterleave]
    Task<Pending<GroupResult>> WaitAsync(string operation, TimeSpan atMost);

    /// <summary>Where its newest operation stands.</summary>
    [Alias("Status"), AlwaysInterleave]
    Task<GroupStatus> StatusAsync();

    /// <summary>Ends live episodes as cancelled.</summary>
    [Alias("Cancel"), AlwaysInterleave]
    Task CancelAsync();

    /// <summary>Rollouts and continuations are done: engines may forget their sessions.</summary>
    [Alias("Release")]
    Task ReleaseAsync();
}
