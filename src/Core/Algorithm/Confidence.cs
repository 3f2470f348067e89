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
        var (sum, count) = (0.0, 0);
        for (var t = call.Start; t < call.End; t++)
        {
            if (!float.IsNaN(rollout.LogProbs[t]))
            {
                sum += Math.Exp(rollout.LogProbs[t]);
                count++;
            }
        }

        return count == 0 ? double.NaN : sum / count;
    }
}
