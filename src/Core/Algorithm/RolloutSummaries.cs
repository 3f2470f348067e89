using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Axpo.Core;

/// <summary>Makes the summary that travels back from an episode.</summary>
public static class RolloutSummaries
{
    /// <summary>Summary of a rollout.</summary>
    /// <param name="rollout">The rollout.</param>
    /// <param name="stored">Where it is stored; null if it is not.</param>
    public static RolloutSummary Of(Rollout rollout, BlobRef? stored)
    {
        ArgumentNullException.ThrowIfNull(rollout);
        var (entropy, sampled) = (0.0, 0);
        for (var t = rollout.InheritedTokens; t < rollout.Tokens.Length; t++)
        {
            if (!float.IsNaN(rollout.Entropies[t]))
            {
                entropy += rollout.Entropies[t];
                sampled++;
            }
        }

        return new RolloutSummary
        {
            Id = rollout.Id,
            Outcome = rollout.Outcome,
            Cause = rollout.Cause,
            Detail = rollout.Detail,
            End = rollout.End,
            IsToolUsing = rollout.IsToolUsing,
            CallConfidences = [.. rollout.Calls.Select(c => Confidence.Of(rollout, c))],
            CallErrors = [.. rollout.Calls.Select(c => c.IsError || string.IsNullOrEmpty(c.Observation))],
            CallObservations = [.. rollout.Calls.Select(c => c.Observation is null ? 0 : Hash(c.Observation))],
            AnswerConfidence = Confidence.OfAnswer(rollout),
            Tokens = rollout.Tokens.Length,
            SampledTokens = sampled,
            Turns = rollout.Turns,
            MeanEntropy = sampled == 0 ? double.NaN : entropy / sampled,
            Answer = rollout.Answer,
            Stored = stored,
            Attempts = rollout.Attempts,
        };
    }

    private static ulong Hash(string text) => BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
