namespace Axpo.Grains.Abstractions;

/// <summary>
/// One trainer step. The batch is named, not carried: the rollouts <c>{run}/train/{step}/{question}/0..N-1</c> of its questions, branches in place of the last of them, and the
/// continuations of the plan, less those that are Void, are read from the trajectory store.
/// </summary>
[GenerateSerializer, Immutable, Alias("axpo.TrainRequest")]
public sealed record TrainRequest
{
    /// <summary>Batch id: the operation id. Consuming it twice changes nothing.</summary>
    [Id(0)] public required string Batch { get; init; }

    /// <summary>The step that it makes, from 1.</summary>
    [Id(1)] public required int Step { get; init; }

    /// <summary>Indexes of the questions in order of their places in the batch (0..B-1 unless dynamic sampling replaced some) [B].</summary>
    [Id(2)] public required int[] Questions { get; init; }

    /// <summary>Rollouts a question (N).</summary>
    [Id(3)] public required int GroupSize { get; init; }

    /// <summary>What was resampled.</summary>
    [Id(4)] public required ResamplePlan Plan { get; init; }

    /// <summary>Episodes that the run counts as Void: left out, whatever is stored of them by now.</summary>
    [Id(5)] public EpisodeId[] Void { get; init; } = [];

    /// <summary>Branches that are rollouts of their groups; a group with b of them has 0..N-1-b beside them.</summary>
    [Id(6)] public EpisodeId[] Branches { get; init; } = [];
}

/// <summary>A committed step.</summary>
[GenerateSerializer, Immutable, Alias("axpo.TrainResult")]
public sealed record TrainResult
{
    /// <summary>What the update did.</summary>
    [Id(0)] public required UpdateResult Update { get; init; }

    /// <summary>The committed weights.</summary>
    [Id(1)] public required WeightsVersion Weights { get; init; }
}

/// <summary>What a trainer has committed.</summary>
/// <param name="Fence">Its fence.</param>
/// <param name="Step">Committed step.</param>
/// <param name="Weights">Committed weights; null at step 0.</param>
/// <param name="Batch">The batch that made that step.</param>
/// <param name="Consumed">Batches consumed so far.</param>
[GenerateSerializer, Immutable, Alias("axpo.TrainerStatus")]
public sealed record TrainerStatus([property: Id(0)] long Fence, [property: Id(1)] int Step, [property: Id(2)] WeightsVersion? Weights, [property: Id(3)] string? Batch, [property: Id(4)] int Consumed);

/// <summary>The trainer of a run; key <c>{run}</c>.</summary>
[Alias("axpo.ITrainerGrain")]
public interface ITrainerGrain : IGrainWithStringKey
{
    /// <summary>Starts a step; a batch that was consumed answers its result.</summary>
    [Alias("Start")]
    Task<Pending<TrainResult>> StartAsync(TrainRequest request);

    /// <summary>Waits for a batch, at most 15 s.</summary>
    [Alias("Wait"), AlwaysInterleave]
    Task<Pending<TrainResult>> WaitAsync(string batch, TimeSpan atMost);

    /// <summary>Ends an update that has not been committed.</summary>
    [Alias("Cancel"), AlwaysInterleave]
    Task CancelAsync();

    /// <summary>The run has ended: its learner on this silo ends too.</summary>
    [Alias("Close")]
    Task CloseAsync();

    /// <summary>What is committed.</summary>
    [Alias("Status"), AlwaysInterleave]
    Task<TrainerStatus> StatusAsync();
}
