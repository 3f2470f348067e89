namespace Axpo.Training.Generation;

/// <summary>One draw.</summary>
/// <param name="Token">Its id.</param>
/// <param name="LogProb">Its log-prob under the distribution sampled from, in nats.</param>
/// <param name="Entropy">Entropy of that distribution, in nats.</param>
public readonly record struct SampledToken(int Token, float LogProb, float Entropy);
