namespace Axpo.Client.Episodes;

/// <summary>A range of one kind, as text; a range that the source rollout made is apart from what follows it.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Start">First token.</param>
/// <param name="End">One past the last token.</param>
/// <param name="Inherited">Whether it belongs to the source rollout.</param>
/// <param name="Text">Decoded from the tokens. Untrusted.</param>
internal sealed record TranscriptPiece(SegmentKind Kind, int Start, int End, bool Inherited, string Text);

/// <summary>A policy generation and what a tool answered to it.</summary>
/// <param name="Number">From 1; 0 holds the prompt.</param>
/// <param name="Pieces">In order.</param>
/// <param name="Call">The call that ended it; null if there was none.</param>
internal sealed record TranscriptTurn(int Number, IReadOnlyList<TranscriptPiece> Pieces, ToolCall? Call);

/// <summary>A rollout turn by turn. Text is derived from tokens.</summary>
internal static class EpisodeTranscript
{
    /// <summary>Cuts a rollout into turns: what is sampled after something that is not begins a new one.</summary>
    public static IReadOnlyList<TranscriptTurn> Of(Rollout rollout, IChatFormat chat)
    {
        var turns = new List<List<TranscriptPiece>> { new() };
        var sampledBefore = false;
        foreach (var segment in rollout.Segments)
        {
            if (segment.IsSampled && !sampledBefore)
            {
                turns.Add([]);
            }

            sampledBefore = segment.IsSampled;
            var border = Math.Clamp(rollout.InheritedTokens, segment.Start, segment.End);
            foreach (var (start, end, inherited) in new[] { (segment.Start, border, true), (border, segment.End, false) })
            {
                if (start < end)
                {
                    turns[^1].Add(new TranscriptPiece(segment.Kind, start, end, inherited, chat.Decode(rollout.Tokens.AsSpan(start, end - start))));
                }
            }
        }

        return [.. turns.Select((pieces, i) => new TranscriptTurn(i, pieces, rollout.Calls.FirstOrDefault(c => pieces.Any(p => p.Start <= c.Start && c.Start < p.End)))).Where(t => t.Pieces.Count > 0)];
    }
}
