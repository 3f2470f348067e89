namespace Axpo.Training.Tokenization;

/// <summary>
/// The merges of a byte-level BPE: of all pairs of neighbours the one learnt first becomes one token, the leftmost of equals first, until none is left; in n log n steps for a piece of n bytes.
/// Thread-safe.
/// </summary>
internal sealed class BytePairEncoding
{
    private const int None = -1;

    private readonly int[] _single = new int[char.MaxValue + 1];
    private readonly Dictionary<(int Left, int Right), (int Rank, int Id)> _merges;

    /// <summary>Takes checked merges.</summary>
    public BytePairEncoding(IReadOnlyDictionary<string, int> vocabulary, IReadOnlyList<(string Left, string Right)> merges)
    {
        Array.Fill(_single, None);
        foreach (var c in ByteAlphabet.All)
        {
            _single[c] = vocabulary.TryGetValue(c.ToString(), out var id) ? id : None;
        }

        _merges = new Dictionary<(int, int), (int, int)>(merges.Count);
        for (var rank = 0; rank < merges.Count; rank++)
        {
            var (left, right) = merges[rank];
            _merges.Add((vocabulary[left], vocabulary[right]), (rank, vocabulary[left + right]));
        }
    }

    /// <summary>Appends the tokens of a piece in the byte alphabet. A byte that the vocabulary lacks vanishes first, so that its neighbours may merge.</summary>
    public void Append(string piece, List<int> ids)
    {
        var symbols = new int[piece.Length];
        var count = 0;
        foreach (var c in piece)
        {
            symbols[count] = _single[c];
            count += symbols[count] == None ? 0 : 1;
        }

        if (count > 1)
        {
            Merge(symbols.AsSpan(0, count));
        }

        foreach (var id in symbols.AsSpan(0, count))
        {
            if (id != None)
            {
                ids.Add(id);
            }
        }
    }

    /// <summary>Merges in place; what was merged into its left neighbour becomes <see cref="None"/>.</summary>
    private void Merge(Span<int> symbols)
    {
        var next = new int[symbols.Length];
        var previous = new int[symbols.Length];
        var queue = new PriorityQueue<(int At, int Left, int Right), (int Rank, int At)>();
        for (var i = 0; i < symbols.Length; i++)
        {
            (previous[i], next[i]) = (i - 1, i + 1 < symbols.Length ? i + 1 : None);
        }

        for (var i = 0; i + 1 < symbols.Length; i++)
        {
            Offer(symbols, next, queue, i);
        }

        while (queue.TryDequeue(out var pair, out _))
        {
            var (at, right) = (pair.At, next[pair.At]);
            if (symbols[at] != pair.Left || right == None || symbols[right] != pair.Right)
            {
                continue;
            }

            symbols[at] = _merges[(pair.Left, pair.Right)].Id;
            symbols[right] = None;
            next[at] = next[right];
            if (next[at] != None)
            {
                previous[next[at]] = at;
            }

            Offer(symbols, next, queue, at);
            Offer(symbols, next, queue, previous[at]);
        }
    }

    private void Offer(Span<int> symbols, int[] next, PriorityQueue<(int At, int Left, int Right), (int Rank, int At)> queue, int at)
    {
        if (at != None && next[at] != None && _merges.TryGetValue((symbols[at], symbols[next[at]]), out var merge))
        {
            queue.Enqueue((at, symbols[at], symbols[next[at]]), (merge.Rank, at));
        }
    }
}
