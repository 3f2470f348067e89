namespace Axpo.Core;

/// <summary>One sequence of an update, with everything the objective needs a token. Arrays are [tokens].</summary>
public sealed record TrainSequence
{
    /// <summary>The rollout it comes from.</summary>
    public required EpisodeId Id { get; init; }

    /// <summary>Place of the question in the batch: minibatches are cut by question.</summary>
    public required int Question { get; init; }

    /// <summary>Token ids. A source that appears as its prefix only is cut after the prefix.</summary>
    public required int[] Tokens { get; init; }

    /// <summary>Whether each token carries loss: never prompt, observation, template or inherited tokens.</summary>
    public required bool[] IsLoss { get; init; }

    /// <summary>Weight of this sequence's term in <see cref="LossAggregation.TermMean"/>: 1/(B*N) for nominal denominators.</summary>
    public required double Weight { get; init; }

    /// <summary>Advantage of each token; 0 where it carries no loss.</summary>
    public required double[] Advantages { get; init; }

    /// <summary>Log-prob under the behaviour policy as sampled; NaN where the token was not sampled. A NaN where the token carries loss counts as the learner's own: ratio 1.</summary>
    public required float[] BehaviorLogProbs { get; init; }

    /// <summary>Images among the tokens, in order.</summary>
    public PlacedImage[] Images { get; init; } = [];
}

/// <summary>A batch for one trainer step. Token weights (<see cref="LossWeights"/>) are fixed for a minibatch before it is cut, so no cut changes the gradient.</summary>
/// <param name="Id">Batch id: an operation id; consuming it twice changes nothing.</param>
/// <param name="Step">The step that it makes, from 1.</param>
/// <param name="Questions">Number of questions B (nominal).</param>
/// <param name="GroupSize">Rollouts a question N (nominal).</param>
/// <param name="Sequences">Sequences.</param>
public sealed record UpdateBatch(string Id, int Step, int Questions, int GroupSize, IReadOnlyList<TrainSequence> Sequences);

/// <summary>What an update did.</summary>
[GenerateSerializer, Immutable, Alias("axpo.UpdateResult")]
public sealed record UpdateResult
{
    [Id(0)] public required int Step { get; init; }

    /// <summary>Loss of the batch at the weights before the first minibatch of it was applied, summed over minibatches.</summary>
    [Id(1)] public required double Loss { get; init; }
    [Id(2)] public required double PolicyLoss { get; init; }

    /// <summary>Mean divergence from the reference over the loss tokens by the configured estimator, nats; 0 where its weight is 0.</summary>
    [Id(3)] public required double Kl { get; init; }

    /// <summary>Share of loss tokens where the clip holds; 0 for losses that have none.</summary>
    [Id(4)] public required double ClipFraction { get; init; }

    /// <summary>Mean entropy over the loss tokens, nats.</summary>
    [Id(5)] public required double Entropy { get; init; }

    /// <summary>Global gradient norm before clipping, mean over minibatches.</summary>
    [Id(6)] public required double GradientNorm { get; init; }

    /// <summary>Mean k3 between engine and learner log-probs of the same weights.</summary>
    [Id(7)] public required double MismatchK3 { get; init; }

    /// <summary>Share of loss tokens whose engine-to-learner ratio lies outside [.9, 1.1].</summary>
    [Id(8)] public required double MismatchOutside { get; init; }

    /// <summary>Largest |ratio - 1| between engine and learner.</summary>
    [Id(9)] public required double MismatchMax { get; init; }

    /// <summary>Loss tokens that were trained on: without those that left the denominators.</summary>
    [Id(10)] public required int LossTokens { get; init; }
    [Id(11)] public required int TrainedTokens { get; init; }

    /// <summary>Share of loss tokens where the clip holds and the advantage is negative.</summary>
    [Id(12)] public double ClipFractionLow { get; init; }

    /// <summary>Share of loss tokens where the clip holds and the advantage is not negative.</summary>
    [Id(13)] public double ClipFractionHigh { get; init; }

    /// <summary>Share of loss tokens where the dual clip holds; 0 where it is off.</summary>
    [Id(14)] public double DualClipFraction { get; init; }

    /// <summary>Mean weight that corrects a token's policy loss between engine and learner, before normalisation; 1 where it is off.</summary>
    [Id(15)] public double CorrectionMean { get; init; } = 1;

    /// <summary>Largest such weight; 1 where it is off.</summary>
    [Id(16)] public double CorrectionMax { get; init; } = 1;

    /// <summary>Share of loss tokens whose ratio lies outside the correction's bounds; 0 where it is off.</summary>
    [Id(17)] public double CorrectionOutside { get; init; }

    /// <summary>Share of loss tokens that were rejected; 0 where rejection is off.</summary>
    [Id(18)] public double RejectedTokens { get; init; }

    /// <summary>Share of sequences that lost a token to rejection; 0 where it is off.</summary>
    [Id(19)] public double RejectedSequences { get; init; }

    /// <summary>Share of loss tokens whose policy loss the off-policy mask dropped; 0 where it is off.</summary>
    [Id(20)] public double OffPolicyShare { get; init; }

    /// <summary>Mean absolute advantage over the loss tokens.</summary>
    [Id(21)] public double AdvantageMagnitude { get; init; }

    /// <summary>Mean |ratio - 1| between engine and learner over the loss tokens.</summary>
    [Id(22)] public double MismatchMean { get; init; }

    /// <summary>Learning rate of the last optimizer step of the batch; 0 where there was none.</summary>
    [Id(23)] public double LearningRate { get; init; }
}

/// <summary>Updates weights on its own thread; callers only await.</summary>
public interface ILearner
{
    /// <summary>Step of the weights it holds.</summary>
    int Step { get; }

    /// <summary>Applies one batch.</summary>
    Task<UpdateResult> UpdateAsync(UpdateBatch batch, CancellationToken cancellationToken);

    /// <summary>
    /// Writes a checkpoint folder: a Hugging Face folder plus optimizer state, written aside and renamed; an existing folder is never overwritten.
    /// The hash covers the weights file, the same as <see cref="WeightsVersion.Sha256"/>.
    /// </summary>
    Task<BlobRef> SaveAsync(string folder, CancellationToken cancellationToken);

    /// <summary>Goes on from a checkpoint folder (weights, optimizer, step), or from a plain model folder (step 0, fresh optimizer).</summary>
    Task LoadAsync(string folder, CancellationToken cancellationToken);
}
