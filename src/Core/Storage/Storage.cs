namespace Axpo.Core;

/// <summary>A reference to bulk data: grain messages carry this, never the data.</summary>
/// <param name="Uri">Where it is, relative to the store that issued it.</param>
/// <param name="Sha256">Lower-case hex hash of the content.</param>
[GenerateSerializer, Immutable, Alias("axpo.BlobRef")]
public sealed record BlobRef([property: Id(0)] string Uri, [property: Id(1)] string Sha256);

/// <summary>The rollout of an id that counts, and where it is.</summary>
/// <param name="Rollout">The rollout; not always the one that was to be stored.</param>
/// <param name="Ref">Where it is.</param>
public readonly record struct StoredRollout(Rollout Rollout, BlobRef Ref);

/// <summary>Finished rollouts by id. The first one of an id stays, whoever stores another; only a Void one gives way (<see cref="Rollout.Replaces"/>).</summary>
public interface ITrajectoryStore
{
    /// <summary>Stores a finished rollout, unless one of its id that counts is stored already; durable when the task completes.</summary>
    /// <returns>The one that counts: of an episode that lived twice, or was tried again, it may be another.</returns>
    ValueTask<StoredRollout> PutAsync(Rollout rollout, CancellationToken cancellationToken);

    /// <summary>Reads rollouts in the order asked for.</summary>
    /// <exception cref="KeyNotFoundException">One of them is not stored; the message names it.</exception>
    ValueTask<IReadOnlyList<Rollout>> GetAsync(IReadOnlyList<EpisodeId> ids, CancellationToken cancellationToken);

    /// <summary>Every stored rollout of a run, optionally of one phase and step, in order of ids.</summary>
    IAsyncEnumerable<Rollout> ListAsync(string run, Phase? phase, int? step, CancellationToken cancellationToken);

    /// <summary>Lets go of what is held open for a run's steps up to this one: nobody works on them any more. They open again when asked for.</summary>
    ValueTask CloseAsync(string run, int throughStep);
}

/// <summary>One finished turn of an episode, stored before the next begins.</summary>
[GenerateSerializer, Immutable, Alias("axpo.TurnRecord")]
public sealed record TurnRecord
{
    [Id(0)] public required EpisodeId Episode { get; init; }

    /// <summary>Attempt at the episode, from 1: a Void episode starts anew with the next.</summary>
    [Id(1)] public required int Attempt { get; init; }

    /// <summary>Index of the turn, from 0.</summary>
    [Id(2)] public required int Turn { get; init; }

    /// <summary>Tokens that the policy sampled in this turn.</summary>
    [Id(3)] public required int[] Tokens { get; init; }
    [Id(4)] public required float[] LogProbs { get; init; }
    [Id(5)] public required float[] Entropies { get; init; }
    [Id(6)] public required int[] Versions { get; init; }

    /// <summary>What stopped the generation.</summary>
    [Id(7)] public required StopReason Stop { get; init; }

    /// <summary>Result of the call that the turn ended with; null if there was none, or none is known yet.</summary>
    [Id(8)] public ToolResult? Result { get; init; }
}

/// <summary>
/// Durable journal of turns; appending an (episode, attempt, turn) twice is the same as once, the first one stays, and so with a turn's result. A turn that ends with a call is
/// appended before the call is made: one without a result is a call that may, or may not, have been made.
/// </summary>
public interface ITurnJournal
{
    /// <summary>Appends a turn; durable when the task completes.</summary>
    ValueTask AppendAsync(TurnRecord turn, CancellationToken cancellationToken);

    /// <summary>Appends the result of the call that a turn ended with; durable when the task completes.</summary>
    ValueTask AppendResultAsync(EpisodeId episode, int attempt, int turn, ToolResult result, CancellationToken cancellationToken);

    /// <summary>The turns of an episode's newest attempt, in order; empty if there is none.</summary>
    ValueTask<IReadOnlyList<TurnRecord>> ReadAsync(EpisodeId episode, CancellationToken cancellationToken);

    /// <summary>Forgets the turns of a step's episodes, which are committed.</summary>
    ValueTask ForgetAsync(string run, int throughStep, CancellationToken cancellationToken);
}
