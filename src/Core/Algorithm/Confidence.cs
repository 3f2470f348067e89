namespace Axpo.Core;

/// <summary>The confidence that ranks prefixes: arithmetic mean of the behaviour policy's probability over the call's sampled tokens.</summary>
public static class Confidence
{
    /// <summary>Confidence of a call: the span runs from the opening tag to the closing tag, or to where a call that was cut off ended.</summary>
    /// <returns>In [0, 1]; NaN if none of the span was sampled.</returns>
    public static double Of(Rollout rollout, ToolCall call)
    {
        ArgumentNullException.ThrowIfNull(rollout);
        ArgumentNullException.ThrowIfNull(call);

        // Summed as differences from the first one, so that equal probabilities have exactly their own value as mean, whatever the length: ties stay ties.
        var (first, sum, count) = (0.0, 0.0, 0);
        for (var t = call.Start; t < call.End; t++)
        {
            if (!float.IsNaN(rollout.LogProbs[t]))
            {
                var probability = Math.Exp(rollout.LogProbs[t]);
                first = count == 0 ? probability : first;
                sum += probability - first;
                count++;
            }
        }

        return count == 0 ? double.NaN : first + (sum / count);
    }
}
