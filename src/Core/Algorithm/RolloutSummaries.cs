using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Axpo.Core;

/// <summary>Makes the summary that travels back from an episode.</summary>
public static class RolloutSummaries
{
    /// <summary>Tokens at the beginning of a turn whose entropy is looked at (ARPO's window, arXiv:2507.19849 and its code).</summary>
    public const int EntropyTokens = 20;

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
            TurnEntropies = [.. rollout.TurnStarts.Select(start => EntropyFrom(rollout, start))],
            MeanEntropy = sampled == 0 ? double.NaN : entropy / sampled,
            Answer = rollout.Answer,
            Stored = stored,
            Attempts = rollout.Attempts,
        };
    }

    private static double EntropyFrom(Rollout rollout, int start)
    {
        var (sum, count) = (0.0, 0);
        for (var t = start; t < rollout.Tokens.Length && count < EntropyTokens && !float.IsNaN(rollout.LogProbs[t]); t++, count++)
        {
            sum += rollout.Entropies[t];
        }

        return sum / count;
    }

    private static ulong Hash(string text) => BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
