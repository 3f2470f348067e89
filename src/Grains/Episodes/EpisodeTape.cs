namespace Axpo.Grains.Episodes;

/// <summary>
/// The tokens of an episode while it grows. Pure: the same prompt, turns and results give the same tape, which is how an episode is rebuilt from its journal.
/// </summary>
internal sealed class EpisodeTape(IChatFormat chat)
{
    private readonly List<int> _tokens = [];
    private readonly List<float> _logProbs = [];
    private readonly List<float> _entropies = [];
    private readonly List<int> _versions = [];
    private readonly List<Segment> _segments = [];
    private readonly List<ToolCall> _calls = [];
    private readonly List<PlacedImage> _images = [];
    private int _turnStart;
    private int _ownStart;

    /// <summary>Tokens so far.</summary>
    public int Count => _tokens.Count;

    /// <summary>Finished turns.</summary>
    public int Turns { get; private set; }

    /// <summary>Leading tokens that belong to the source.</summary>
    public int Inherited { get; private set; }

    /// <summary>Calls so far.</summary>
    public IReadOnlyList<ToolCall> Calls => _calls;

    /// <summary>Images so far, in order.</summary>
    public IReadOnlyList<PlacedImage> Images => _images;

    /// <summary>Tokens of the open turn, those that its source sampled included.</summary>
    public int TurnTokens => _tokens.Count - _turnStart;

    /// <summary>Tokens of the open turn that this episode sampled itself.</summary>
    public int OwnTurnTokens => _tokens.Count - _ownStart;

    /// <summary>A tape that holds a prompt.</summary>
    public static EpisodeTape FromPrompt(IChatFormat chat, EncodedPiece prompt)
    {
        var tape = new EpisodeTape(chat);
        tape.AppendUnsampled(prompt);
        tape.OpenTurn();
        return tape;
    }

    /// <summary>
    /// A tape that holds a source's tokens up to where a branch of it begins (<see cref="Rollout.PrefixEnd(Branch)"/>): inside a turn, which goes on there, or before one.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The source has no such boundary.</exception>
    public static EpisodeTape FromPrefix(IChatFormat chat, Rollout source, Branch branch)
    {
        var end = source.PrefixEnd(branch);
        ToolCall[] calls = [.. source.Calls.Where(c => c.End <= end)];
        var start = end;
        while (start > 0 && !float.IsNaN(source.LogProbs[start - 1]))
        {
            start--;
        }

        var tape = new EpisodeTape(chat) { Turns = calls.Length, Inherited = end };
        tape._tokens.AddRange(source.Tokens.AsSpan(0, end));
        tape._logProbs.AddRange(source.LogProbs.AsSpan(0, end));
        tape._entropies.AddRange(source.Entropies.AsSpan(0, end));
        tape._versions.AddRange(source.Versions.AsSpan(0, end));
        tape._segments.AddRange(source.Segments.Where(s => s.End <= start));
        tape._calls.AddRange(calls);
        tape._images.AddRange(source.Images.Where(i => i.End <= end));
        tape._turnStart = start;
        tape._ownStart = end;
        return tape;
    }

    /// <summary>Tokens from a position on.</summary>
    public int[] From(int position) => [.. _tokens[position..]];

    /// <summary>Images among the tokens from a position on; none lies across what was sent before.</summary>
    public PlacedImage[] ImagesFrom(int position) => [.. _images.Where(i => i.Start >= position)];

    /// <summary>What the episode had seen when it called.</summary>
    /// <param name="call">One of its calls.</param>
    public ImageRef[] SeenBy(ToolCall call) => [.. _images.Where(i => i.End <= call.Start).Select(i => i.Image)];

    /// <summary>What an earlier call was answered with; its images stand between it and what was sampled next.</summary>
    public ToolResult ResultOf(ToolCall call)
    {
        var next = _segments.FindIndex(s => s.IsSampled && s.Start >= call.End && s.Kind != SegmentKind.EndOfTurn) is >= 0 and var at ? _segments[at].Start : Count;
        return new ToolResult(call.Observation ?? "", call.IsError) { Images = [.. _images.Where(i => i.Start >= call.End && i.End <= next).Select(i => i.Image)] };
    }

    /// <summary>Appends what was sampled to the open turn.</summary>
    public void AppendSampled(ReadOnlySpan<int> tokens, ReadOnlySpan<float> logProbs, ReadOnlySpan<float> entropies, ReadOnlySpan<int> versions)
    {
        _tokens.AddRange(tokens);
        _logProbs.AddRange(logProbs);
        _entropies.AddRange(entropies);
        _versions.AddRange(versions);
    }

    /// <summary>What the open turn holds; positions count from the turn's first sampled token.</summary>
    public ParsedTurn ParseTurn()
    {
        var turn = _tokens[_turnStart..].ToArray();
        return chat.ParseTurn(turn.AsSpan(0, _ownStart - _turnStart), turn.AsSpan(_ownStart - _turnStart));
    }

    /// <summary>Closes the open turn.</summary>
    public void CloseTurn(ParsedTurn parsed)
    {
        _segments.AddRange(parsed.Segments.Where(s => s.Length > 0).Select(s => s.Shift(_turnStart)));
        if (parsed.Call is { } call)
        {
            _calls.Add(call with { Turn = Turns, Start = call.Start + _turnStart, PrefixEnd = call.PrefixEnd + _turnStart, End = call.End + _turnStart });
        }

        Turns++;
        _turnStart = _ownStart = _tokens.Count;
    }

    /// <summary>Closes a turn that infrastructure cut off: what was sampled of it is taken back.</summary>
    public void DropTurn()
    {
        var keep = _turnStart;
        _tokens.RemoveRange(keep, Count - keep);
        _logProbs.RemoveRange(keep, _logProbs.Count - keep);
        _entropies.RemoveRange(keep, _entropies.Count - keep);
        _versions.RemoveRange(keep, _versions.Count - keep);
        Inherited = Math.Min(Inherited, keep);
        _ownStart = keep;
    }

    /// <summary>What a turn of the journal shall hold.</summary>
    public (int[] Tokens, float[] LogProbs, float[] Entropies, int[] Versions) OwnTurn() =>
        ([.. _tokens[_ownStart..]], [.. _logProbs[_ownStart..]], [.. _entropies[_ownStart..]], [.. _versions[_ownStart..]]);

    /// <summary>Appends the observation of the last call and opens the next turn.</summary>
    public void Observe(ToolResult result)
    {
        var call = _calls[^1];
        var piece = chat.EncodeObservation(call.Name, result, turnIsClosed: _segments is [.., { Kind: SegmentKind.EndOfTurn }]);
        _calls[^1] = call with { Observation = result.Text, IsError = result.IsError };
        AppendUnsampled(piece);
        OpenTurn();
    }

    /// <summary>The finished rollout.</summary>
    public Rollout ToRollout(EpisodeId id, Question question, Outcome outcome, EndReason end, string? answer, int attempts, VoidCause cause = VoidCause.None, string? detail = null)
    {
        var rollout = new Rollout
        {
            Id = id,
            QuestionId = question.Id,
            Suite = question.Suite,
            Tokens = [.. _tokens],
            LogProbs = [.. _logProbs],
            Entropies = [.. _entropies],
            Versions = [.. _versions],
            Segments = [.. _segments],
            Calls = [.. _calls],
            Outcome = outcome,
            Cause = cause,
            Detail = detail,
            End = end,
            Answer = answer,
            Turns = Turns,
            InheritedTokens = Inherited,
            Attempts = attempts,
            Images = [.. _images],
        };
        rollout.Validate();
        return rollout;
    }

    private void AppendUnsampled(EncodedPiece piece)
    {
        var at = _tokens.Count;
        _tokens.AddRange(piece.Tokens);
        _logProbs.AddRange(Enumerable.Repeat(float.NaN, piece.Tokens.Length));
        _entropies.AddRange(Enumerable.Repeat(float.NaN, piece.Tokens.Length));
        _versions.AddRange(Enumerable.Repeat(-1, piece.Tokens.Length));
        _segments.AddRange(piece.Segments.Where(s => s.Length > 0).Select(s => s.Shift(at)));
        _images.AddRange(piece.Images.Select(i => i.Shift(at)));
    }

    private void OpenTurn() => _turnStart = _ownStart = _tokens.Count;
}
