namespace Axpo.Core;

/// <summary>A sampled call inside a rollout: opening tag with closing tag, or an opening tag that was cut off before its closing tag.</summary>
[GenerateSerializer, Immutable, Alias("axpo.ToolCall")]
public sealed record ToolCall
{
    /// <summary>Index of the turn that made it, from 0.</summary>
    [Id(0)] public required int Turn { get; init; }

    /// <summary>First token of the opening tag.</summary>
    [Id(1)] public required int Start { get; init; }

    /// <summary>One past the last token of the opening tag: the end of the prefix that a continuation shares.</summary>
    [Id(2)] public required int PrefixEnd { get; init; }

    /// <summary>One past the closing tag; where the turn ended if the call was cut off.</summary>
    [Id(3)] public required int End { get; init; }

    /// <summary>Whether the closing tag was sampled. A call that was cut off is never executed.</summary>
    [Id(4)] public required bool Closed { get; init; }

    /// <summary>Name of the tool as written by the policy; empty if the call could not be read.</summary>
    [Id(5)] public string Name { get; init; } = "";

    /// <summary>Arguments as written by the policy (JSON); empty if the call could not be read.</summary>
    [Id(6)] public string Arguments { get; init; } = "";

    /// <summary>What the policy got back; null if nothing was executed.</summary>
    [Id(7)] public string? Observation { get; init; }

    /// <summary>Whether the observation reports a mistake of the policy (exception, bad JSON, unknown tool, limits).</summary>
    [Id(8)] public bool IsError { get; init; }
}

/// <summary>
/// A finished episode. Tokens are the truth: text is derived from them, never the other way. Arrays have one entry a token.
/// A continuation holds the *whole* sequence, its first <see cref="InheritedTokens"/> being those of its source; they carry no loss in it unless it is a rollout of its group as any other.
/// </summary>
[GenerateSerializer, Immutable, Alias("axpo.Rollout")]
public sealed record Rollout
{
    /// <summary>Id: see <see cref="EpisodeId"/>.</summary>
    [Id(0)] public required EpisodeId Id { get; init; }

    /// <summary>Id of the question in its suite.</summary>
    [Id(1)] public required string QuestionId { get; init; }

    /// <summary>Suite of the question.</summary>
    [Id(2)] public required string Suite { get; init; }

    /// <summary>Token ids [tokens].</summary>
    [Id(3)] public required int[] Tokens { get; init; }

    /// <summary>Log-prob of each sampled token under the distribution it was sampled from [tokens]; NaN where the token was not sampled.</summary>
    [Id(4)] public required float[] LogProbs { get; init; }

    /// <summary>Entropy in nats of that distribution [tokens]; NaN where the token was not sampled.</summary>
    [Id(5)] public required float[] Entropies { get; init; }

    /// <summary>Weights version (training step) that sampled each token [tokens]; -1 where the token was not sampled.</summary>
    [Id(6)] public required int[] Versions { get; init; }

    /// <summary>Segments in order, end to end over all tokens.</summary>
    [Id(7)] public required Segment[] Segments { get; init; }

    /// <summary>Calls in order, those inherited from the source included (the one at the branch is this rollout's own).</summary>
    [Id(8)] public required ToolCall[] Calls { get; init; }

    /// <summary>How it ended.</summary>
    [Id(9)] public required Outcome Outcome { get; init; }

    /// <summary>Why it is Void.</summary>
    [Id(10)] public VoidCause Cause { get; init; }

    /// <summary>One sentence on the cause, without secrets.</summary>
    [Id(11)] public string? Detail { get; init; }

    /// <summary>Why it ended.</summary>
    [Id(12)] public required EndReason End { get; init; }

    /// <summary>The answer that was verified; null if there was none.</summary>
    [Id(13)] public string? Answer { get; init; }

    /// <summary>Turns taken (policy generations), inherited ones included.</summary>
    [Id(14)] public required int Turns { get; init; }

    /// <summary>Leading tokens that belong to the source rollout; 0 for an original one.</summary>
    [Id(15)] public int InheritedTokens { get; init; }

    /// <summary>Attempts that were needed; more than 1 after a Void was retried.</summary>
    [Id(16)] public int Attempts { get; init; } = 1;

    /// <summary>Images among the tokens, in order: the question's, and what tools gave.</summary>
    [Id(17)] public PlacedImage[] Images { get; init; } = [];

    /// <summary>Whether it takes the place of a stored one of its id: only a Void one gives way, to one that is not, or to a later attempt.</summary>
    public bool Replaces(Rollout stored)
    {
        ArgumentNullException.ThrowIfNull(stored);
        return stored.Outcome == Outcome.Void && (Outcome != Outcome.Void || Attempts > stored.Attempts);
    }

    /// <summary>Whether the rollout emitted at least one call of its own or inherited.</summary>
    public bool IsToolUsing => Calls.Length > 0;

    /// <summary>Tokens that this rollout itself sampled.</summary>
    public int SampledTokens => Segments.Where(s => s.IsSampled).Sum(s => Math.Max(0, s.End - Math.Max(s.Start, InheritedTokens)));

    /// <summary>One past the last token of a prefix: after the opening tag of the call with this index, or, if it equals the number of calls, before the first answer token.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such call, or no answer.</exception>
    public int PrefixEnd(int boundary)
    {
        if (boundary >= 0 && boundary < Calls.Length)
        {
            return Calls[boundary].PrefixEnd;
        }

        var answer = boundary == Calls.Length ? Array.FindIndex(Segments, s => s.Kind == SegmentKind.Answer) : -1;
        return answer >= 0
            ? Segments[answer].Start
            : throw new ArgumentOutOfRangeException(nameof(boundary), boundary, $"rollout {Id} has {Calls.Length} calls and {(Segments.Any(s => s.Kind == SegmentKind.Answer) ? "an" : "no")} answer; there is no such boundary");
    }

    /// <summary>First token of a prefix that may carry its credit.</summary>
    /// <param name="end">One past the prefix's last token (<see cref="PrefixEnd(int)"/>).</param>
    /// <param name="span">Which of its tokens carry it.</param>
    public int CreditedFrom(int end, PrefixSpan span) => span == PrefixSpan.Whole ? InheritedTokens : Math.Max(InheritedTokens, TurnStarts.LastOrDefault(t => t < end));

    /// <summary>First sampled token of each turn that has any, in order.</summary>
    public IEnumerable<int> TurnStarts => Segments.Where((s, i) => s.IsSampled && (i == 0 || !Segments[i - 1].IsSampled)).Select(s => s.Start);

    /// <summary>One past the last token of the prefix that a branch begins with.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The rollout has no such call, answer or turn.</exception>
    public int PrefixEnd(Branch branch)
    {
        if (branch.Point != BranchPoint.Turn)
        {
            return PrefixEnd(branch.Boundary);
        }

        int[] starts = [.. TurnStarts];
        return branch.Boundary >= 0 && branch.Boundary < starts.Length
            ? starts[branch.Boundary]
            : throw new ArgumentOutOfRangeException(nameof(branch), branch, $"rollout {Id} has {starts.Length} turns with sampled tokens; there is none to begin at");
    }

    /// <summary>Checks lengths, segment order and that log-probs stand exactly on sampled tokens.</summary>
    /// <exception cref="InvalidDataException">Something does not fit; the message says what.</exception>
    public void Validate()
    {
        var n = Tokens.Length;
        if (LogProbs.Length != n || Entropies.Length != n || Versions.Length != n)
        {
            throw new InvalidDataException($"rollout {Id}: {n} tokens but {LogProbs.Length} log-probs, {Entropies.Length} entropies, {Versions.Length} versions");
        }

        var at = 0;
        foreach (var segment in Segments)
        {
            if (segment.Start != at || segment.End <= segment.Start)
            {
                throw new InvalidDataException($"rollout {Id}: segment {segment} does not follow token {at}");
            }

            for (var t = segment.Start; t < Math.Min(segment.End, n); t++)
            {
                if (float.IsNaN(LogProbs[t]) == segment.IsSampled)
                {
                    throw new InvalidDataException($"rollout {Id}: token {t} in {segment.Kind} has log-prob {LogProbs[t]}");
                }
            }

            at = segment.End;
        }

        if (at != n)
        {
            throw new InvalidDataException($"rollout {Id}: segments end at {at}, tokens at {n}");
        }

        var free = 0;
        foreach (var image in Images)
        {
            if (image.Start < free || image.End <= image.Start || !Segments.Any(s => !s.IsSampled && s.Start <= image.Start && image.End <= s.End))
            {
                throw new InvalidDataException($"rollout {Id}: image at tokens {image.Start} to {image.End - 1} does not stand in a prompt or an observation, behind token {free - 1}");
            }

            free = image.End;
        }
    }
}

/// <summary>What travels back from an episode: enough for statistics, ranking and planning, not the tokens.</summary>
[GenerateSerializer, Immutable, Alias("axpo.RolloutSummary")]
public sealed record RolloutSummary
{
    [Id(0)] public required EpisodeId Id { get; init; }
    [Id(1)] public required Outcome Outcome { get; init; }
    [Id(2)] public VoidCause Cause { get; init; }
    [Id(3)] public string? Detail { get; init; }
    [Id(4)] public required EndReason End { get; init; }

    /// <summary>Whether it emitted at least one call.</summary>
    [Id(5)] public required bool IsToolUsing { get; init; }

    /// <summary>Mean probability of the sampled tokens of each call, in order (the confidence that ranks prefixes).</summary>
    [Id(6)] public required double[] CallConfidences { get; init; }

    /// <summary>Whether each call's observation was an error, empty, or missing.</summary>
    [Id(7)] public required bool[] CallErrors { get; init; }

    [Id(8)] public required int Tokens { get; init; }
    [Id(9)] public required int SampledTokens { get; init; }
    [Id(10)] public required int Turns { get; init; }

    /// <summary>Mean entropy in nats over the sampled tokens; NaN if there is none.</summary>
    [Id(11)] public required double MeanEntropy { get; init; }
    [Id(12)] public string? Answer { get; init; }

    /// <summary>Where the rollout is stored; null while Void without a trajectory.</summary>
    [Id(13)] public BlobRef? Stored { get; init; }
    [Id(14)] public int Attempts { get; init; } = 1;

    /// <summary>First 8 bytes (little endian) of SHA-256 of each call's observation in UTF-8, in order; 0 where nothing was executed.</summary>
    [Id(15)] public ulong[] CallObservations { get; init; } = [];

    /// <summary>Mean probability of the sampled answer tokens; NaN if there is no answer.</summary>
    [Id(16)] public double AnswerConfidence { get; init; } = double.NaN;

    /// <summary>Mean entropy in nats of the first tokens of each turn that has any, in order; at most <see cref="RolloutSummaries.EntropyTokens"/> of them.</summary>
    [Id(17)] public double[] TurnEntropies { get; init; } = [];

    /// <summary>Whether it reached an answer.</summary>
    public bool HasAnswer => !double.IsNaN(AnswerConfidence);
}
