namespace Axpo.Silo.Storage;

/// <summary>
/// Which silo's rollout of an episode counts, where several silos store side by side: an episode may for a moment live twice (a silo that was taken for dead comes back), and
/// exactly one outcome must be final.
/// </summary>
public interface IRolloutClaims
{
    /// <summary>Claims an episode's outcome for a writer, unless another has it.</summary>
    /// <returns>The writer whose rollout counts.</returns>
    ValueTask<string> ClaimAsync(EpisodeId id, string writer, CancellationToken cancellationToken);

    /// <summary>Takes a claim over from a writer that has stored nothing, unless somebody else did meanwhile.</summary>
    /// <returns>The writer whose rollout counts.</returns>
    ValueTask<string> TakeOverAsync(EpisodeId id, string from, string writer, CancellationToken cancellationToken);

    /// <summary>The writer whose rollout counts; null: nobody claimed it.</summary>
    ValueTask<string?> OwnerAsync(EpisodeId id, CancellationToken cancellationToken);
}
