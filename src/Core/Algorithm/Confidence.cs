namespace Axpo.Core;

/// <summary>The confidence that ranks prefixes: arithmetic mean of the behaviour policy's probability over the sampled tokens of what comes after the prefix.</summary>
public static class Confidence
{
    /// <summary>Confidence of a call: the span runs from the opening tag to the closing tag, or to where a call that was cut off ended.</summary>
    /// <returns>In [0, 1]; NaN if none of the span was sampled.</returns>
    public static double Of(Rollout rollout, ToolCall call)
    {
        ArgumentNullException.ThrowIfNull(rollout);
        ArgumentNullException.ThrowIfNull(call);
        return Mean(rollout, [(call.Start, call.End)]);
    }

    /// <summary>Confidence of the answer.</summary>
    /// <returns>In [0, 1]; NaN if there is none.</returns>
    public static double OfAnswer(Rollout rollout)
    {
        ArgumentNullException.ThrowIfNull(rollout);
        return Mean(rollout, rollout.Segments.Where(s => s.Kind == SegmentKind.Answer).Select(s => (s.Start, s.End)));
    }

    /// <summary>Confidence at a boundary (<see cref="Rollout.PrefixEnd(int)"/>): of its call, or of the answer.</summary>
    public static double At(Rollout rollout, int boundary)
    {
        ArgumentNullException.ThrowIfNull(rollout);
        return boundary == rollout.Calls.Length ? OfAnswer(rollout) : Of(rollout, rollout.Calls[boundary]);
    }

    // Summed as differences from the first one, so that equal probabilities have exactly their own value as mean, whatever the length: ties stay ties.
    private static double Mean(Rollout rollout, IEnumerable<(int Start, int End)> spans)
    {
        var (first, sum, count) = (0.0, 0.0, 0);
        foreach (var (start, end) in spans)
        {
            for (var t = start; t < end; t++)
            {
                if (!float.IsNaN(rollout.LogProbs[t]))
                {
                    var probability = Math.Exp(rollout.LogProbs[t]);
                    first = count == 0 ? probability : first;
                    sum += probability - first;
                    count++;
                }
            }
        }

        return count == 0 ? double.NaN : first + (sum / count);
    }
}
