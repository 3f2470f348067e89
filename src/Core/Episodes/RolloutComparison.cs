using System.Globalization;
using System.Text.Json;

namespace Axpo.Core;

/// <summary>The first place where two rollouts of one episode part. Values are texts for people; some come from the policy or a tool and are untrusted.</summary>
/// <param name="What"><see cref="Token"/>, <see cref="LogProb"/>, or what else of the rollout: <c>segment 3</c>, <c>call 1: observation</c>, <c>outcome</c>.</param>
/// <param name="Position">Token where it is; null if it is at none.</param>
/// <param name="Segment">What the token is, if it is the token or its log-prob that differs; null otherwise.</param>
/// <param name="Stored">What was stored.</param>
/// <param name="Replayed">What came now.</param>
public sealed record RolloutDifference(string What, int? Position, SegmentKind? Segment, string Stored, string Replayed)
{
    /// <summary>A token's id.</summary>
    public const string Token = "token";

    /// <summary>A token's log-prob.</summary>
    public const string LogProb = "log-prob";
}

/// <summary>Compares a stored rollout with one that was made again: tokens with their log-probs, segments, images, calls with what the tools answered, how it ended, answer, outcome. Pure.</summary>
public static class RolloutComparison
{
    private const string None = "none";

    /// <summary>The first difference, in the order of the tokens; null if there is none.</summary>
    /// <param name="stored">The stored one.</param>
    /// <param name="replayed">The one that was made again.</param>
    /// <param name="tolerance">Log-probs may be so far apart, in nats; 0: they must be the same bits.</param>
    public static RolloutDifference? First(Rollout stored, Rollout replayed, float tolerance)
    {
        ArgumentNullException.ThrowIfNull(stored);
        ArgumentNullException.ThrowIfNull(replayed);
        ArgumentOutOfRangeException.ThrowIfNegative(tolerance);
        return Tokens(stored, replayed, tolerance) ?? Facts(stored).Zip(Facts(replayed), (s, r) => s == r ? null : new RolloutDifference(s.What, s.Position, null, s.Value, r.Value)).FirstOrDefault(d => d is not null);
    }

    private static RolloutDifference? Tokens(Rollout stored, Rollout replayed, float tolerance)
    {
        var longest = Math.Max(stored.Tokens.Length, replayed.Tokens.Length);
        for (var t = 0; t < longest; t++)
        {
            if (t >= stored.Tokens.Length || t >= replayed.Tokens.Length || stored.Tokens[t] != replayed.Tokens[t])
            {
                return new RolloutDifference(RolloutDifference.Token, t, Kind(stored, t) ?? Kind(replayed, t), Token(stored, t), Token(replayed, t));
            }

            if (!AreClose(stored.LogProbs[t], replayed.LogProbs[t], tolerance))
            {
                return new RolloutDifference(RolloutDifference.LogProb, t, Kind(stored, t), LogProb(stored.LogProbs[t]), LogProb(replayed.LogProbs[t]));
            }
        }

        return null;
    }

    /// <summary>All but the tokens, numbers of things first: two lists of facts whose first places are equal are about the same things.</summary>
    private static IEnumerable<(string What, int? Position, string Value)> Facts(Rollout rollout)
    {
        yield return ("number of segments", null, Text(rollout.Segments.Length));
        for (var i = 0; i < rollout.Segments.Length; i++)
        {
            var segment = rollout.Segments[i];
            yield return ($"segment {Text(i + 1)}", segment.Start, string.Create(CultureInfo.InvariantCulture, $"{Name(segment.Kind)}, tokens {segment.Start} to {segment.End - 1}"));
        }

        yield return ("number of images", null, Text(rollout.Images.Length));
        for (var i = 0; i < rollout.Images.Length; i++)
        {
            var image = rollout.Images[i];
            yield return ($"image {Text(i + 1)}", image.Start, string.Create(CultureInfo.InvariantCulture, $"sha256 {image.Image.Sha256}, tokens {image.Start} to {image.End - 1}"));
        }

        yield return ("number of calls", null, Text(rollout.Calls.Length));
        for (var i = 0; i < rollout.Calls.Length; i++)
        {
            var call = rollout.Calls[i];
            foreach (var (what, value) in new[]
            {
                ("turn", Text(call.Turn)),
                ("place", string.Create(CultureInfo.InvariantCulture, $"tokens {call.Start} to {call.End - 1}, its opening tag to {call.PrefixEnd - 1}")),
                ("whether it was closed", Text(call.Closed)),
                ("tool", call.Name),
                ("arguments", call.Arguments),
                ("observation", call.Observation ?? None),
                ("whether the observation is an error", Text(call.IsError)),
            })
            {
                yield return ($"call {Text(i + 1)}: {what}", call.Start, value);
            }
        }

        yield return ("turns", null, Text(rollout.Turns));
        yield return ("inherited tokens", null, Text(rollout.InheritedTokens));
        yield return ("end", null, Name(rollout.End));
        yield return ("answer", null, rollout.Answer ?? None);
        yield return ("outcome", null, Name(rollout.Outcome));
    }

    private static bool AreClose(float a, float b, float tolerance) =>
        BitConverter.SingleToInt32Bits(a) == BitConverter.SingleToInt32Bits(b) || (float.IsNaN(a) && float.IsNaN(b)) || (tolerance > 0 && Math.Abs(a - b) <= tolerance);

    private static SegmentKind? Kind(Rollout rollout, int token) => rollout.Segments.Where(s => s.Start <= token && token < s.End).Select(s => (SegmentKind?)s.Kind).FirstOrDefault();

    private static string Token(Rollout rollout, int t) => t < rollout.Tokens.Length ? Text(rollout.Tokens[t]) : "the end";

    private static string LogProb(float value) => float.IsNaN(value) ? None : value.ToString(CultureInfo.InvariantCulture);

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Name<T>(T value)
        where T : struct, Enum => JsonNamingPolicy.KebabCaseLower.ConvertName(value.ToString());

    private static string Text(bool value) => value ? "yes" : "no";
}
