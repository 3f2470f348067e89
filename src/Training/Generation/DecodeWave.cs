using Axpo.Training.Models;

namespace Axpo.Training.Generation;

/// <summary>
/// Which of the decoding sequences a step takes. Where the KV of all does not fit the processor's cache, a step of all reads every byte of it from memory; so a wave whose KV does fit is decoded for a while,
/// then the next one. A group's sequences, which share pages, go together; who has waited longest comes next. No result depends on it. Used by the engine's thread.
/// </summary>
/// <param name="bytes">KV of a wave; 0: every step takes all. Up to twice as much is taken whole.</param>
/// <param name="pageBytes">KV of a page.</param>
/// <param name="fewest">Sequences that a wave has at least; where the groups that make so many exceed twice the bytes, a step takes all.</param>
internal sealed class DecodeWave(long bytes, long pageBytes, int fewest)
{
    /// <summary>Steps of a group's turn: the first reads its KV from memory, the others find it.</summary>
    public const int Turn = 64;

    /// <summary>Rows that a matrix product computes together: with fewer it is slower for each.</summary>
    public const int RowsTogether = 8;

    // Of a cache that neighbours, weights and activations need too.
    private const int ShareOfCache = 4;

    // Groups of the wave, and the step at which the turn of each is over.
    private readonly Dictionary<string, long> _turns = new(StringComparer.Ordinal);
    private readonly List<string> _queue = [];
    private bool _takesAll = true;
    private int _rows;
    private long _step;
    private long _until;

    /// <summary>KV of a wave; 0: every step takes all.</summary>
    public long Bytes => bytes;

    /// <summary>Sequences that a wave has at least.</summary>
    public int Fewest => fewest;

    /// <summary>Decoding sequences that this step leaves out.</summary>
    public int LeftOut { get; private set; }

    /// <summary>Bytes of a wave for a decoder: 0 where its weights, read in every step, do not fit beside it, and where they are not packed, for then a few rows are multiplied far slower than many.</summary>
    /// <param name="decoder">The decoder.</param>
    /// <param name="cacheBytes">The processor's last level of cache; 0: unknown.</param>
    public static long BytesFor(Decoder decoder, long cacheBytes)
    {
        var weights = sizeof(float) * (decoder.Config.ParameterCount - (decoder.Config.Pictures?.Tower.ParameterCount ?? 0));
        return decoder.IsPacked && weights <= cacheBytes / ShareOfCache ? cacheBytes / ShareOfCache : 0;
    }

    /// <summary>Chooses for the next step: sets <see cref="Sequence.IsInWave"/>.</summary>
    /// <param name="decoding">All sequences that could decode a token, in the order of their admission.</param>
    public void Next(IReadOnlyList<Sequence> decoding)
    {
        _step++;
        Mark(decoding);
        if (bytes > 0 && (_step >= _until || (_takesAll ? decoding.Count > _rows : decoding.Count - LeftOut < fewest)))
        {
            Form(decoding);
            Mark(decoding);
        }
    }

    private static string Key(Sequence sequence) => sequence.Request.Group ?? sequence.Request.Session;

    private void Mark(IReadOnlyList<Sequence> decoding)
    {
        LeftOut = 0;
        foreach (var sequence in decoding)
        {
            sequence.IsInWave = _takesAll || _turns.ContainsKey(Key(sequence));
            LeftOut += sequence.IsInWave ? 0 : 1;
        }
    }

    /// <summary>Whose turn is over goes to the end of the queue, and the wave is filled from its front.</summary>
    private void Form(IReadOnlyList<Sequence> decoding)
    {
        var groups = decoding.GroupBy(Key, StringComparer.Ordinal)
            .ToDictionary(g => g.Key, g => new Load(g.Count(), pageBytes * g.SelectMany(s => s.Session!.Pages).Distinct().Count()), StringComparer.Ordinal);
        (_rows, _until) = (decoding.Count, _step + Turn);
        _takesAll = groups.Values.Sum(g => g.Bytes) <= 2 * bytes;
        if (!_takesAll)
        {
            QueueUp(groups.Keys);
            _takesAll = Fill(groups) > 2 * bytes;
            _until = _turns.Values.Min();
        }

        if (_takesAll)
        {
            _turns.Clear();
            _queue.Clear();
        }
    }

    /// <summary>Gives a turn to those at the queue's front for whom there is room.</summary>
    /// <returns>Bytes of the wave, and of those left out only because their rows would not fill a product.</returns>
    private long Fill(Dictionary<string, Load> groups)
    {
        var (rows, used) = _turns.Keys.Aggregate(new Load(0, 0), (sum, key) => sum + groups[key]);
        var (count, even) = (0, 0);
        foreach (var next in _queue.Select(key => groups[key]).TakeWhile(g => rows < fewest || used + g.Bytes <= bytes))
        {
            (rows, used, count) = (rows + next.Rows, used + next.Bytes, count + 1);
            even = rows % fewest == 0 ? count : even;
        }

        // Rows beyond a multiple cost nearly as much as one more multiple.
        count = even > 0 && _queue[even..count].Sum(key => groups[key].Rows) < fewest ? even : count;
        foreach (var key in _queue[..count])
        {
            _turns[key] = _step + Turn;
        }

        _queue.RemoveRange(0, count);
        return used;
    }

    private void QueueUp(IReadOnlyCollection<string> ready)
    {
        var over = _turns.Where(t => t.Value <= _step).Select(t => t.Key).ToList();
        foreach (var key in _turns.Keys.Except(ready).Union(over).ToList())
        {
            _turns.Remove(key);
        }

        _queue.RemoveAll(key => !ready.Contains(key));
        _queue.AddRange([.. ready.Except(_queue).Except(_turns.Keys).Except(over), .. over.Intersect(ready)]);
    }

    /// <summary>What groups bring to a step.</summary>
    private readonly record struct Load(int Rows, long Bytes)
    {
        public static Load operator +(Load one, Load other) => new(one.Rows + other.Rows, one.Bytes + other.Bytes);
    }
}
