using Axpo.Training.Devices;
using Axpo.Training.Models;

namespace Axpo.Training.Generation;

/// <summary>
/// Which of the decoding sequences a step takes. Where the KV of all does not fit the processor's cache, a step of all reads every byte of it from memory; so a wave whose KV does fit is decoded for a while,
/// then the next one. A group's sequences, which share pages, go together; who has waited longest comes next. No result depends on it. Used by the engine's thread.
/// </summary>
/// <param name="bytes">KV of a wave; 0: every step takes all.</param>
/// <param name="pageBytes">KV of a page.</param>
/// <param name="fewest">Sequences that a wave has at least, for the matrix products; where so many exceed twice the bytes, a step takes all.</param>
internal sealed class DecodeWave(long bytes, long pageBytes, int fewest)
{
    /// <summary>Steps of a wave: the first reads its KV from memory, the others find it.</summary>
    public const int Steps = 64;

    /// <summary>Rows that a matrix product computes together: with fewer it is slower for each.</summary>
    public const int RowsOfAWorker = 8;

    // Of a cache that neighbours, weights and activations need too.
    private const int ShareOfCache = 4;

    private readonly HashSet<string> _members = new(StringComparer.Ordinal);
    private Dictionary<string, int> _since = new(StringComparer.Ordinal);
    private bool _takesAll = true;
    private int _all;
    private int _left;
    private int _formed;

    /// <summary>Bytes of a wave for a decoder: 0 where its weights fill the cache already, or where a few rows are multiplied far slower than many.</summary>
    public static long BytesFor(Decoder decoder)
    {
        var share = ProcessorCache.LastLevelBytes / ShareOfCache;
        return decoder.IsPacked && sizeof(float) * decoder.Config.ParameterCount <= share ? share : 0;
    }

    /// <summary>Chooses for the next step.</summary>
    /// <param name="decoding">All sequences that could decode a token, in the order of their admission.</param>
    public void Next(IReadOnlyList<Sequence> decoding)
    {
        if (bytes == 0 || decoding.Sum(s => s.Session!.Pages.Count * pageBytes) <= bytes)
        {
            (_takesAll, _left) = (true, 0);
            return;
        }

        if (_left == 0 || (_takesAll ? decoding.Count > _all : decoding.Count(Takes) < fewest))
        {
            Form(decoding);
        }

        _left--;
    }

    /// <summary>Whether the step takes a decoding sequence.</summary>
    public bool Takes(Sequence sequence) => _takesAll || _members.Contains(Key(sequence));

    private static string Key(Sequence sequence) => sequence.Request.Group ?? sequence.Request.Session;

    // Of a page that several hold each one counts its part.
    private double Bytes(Sequence sequence) => pageBytes * sequence.Session!.Pages.Sum(p => 1d / p.Holders);

    /// <summary>A new wave, of as many sequences as products like where that can be; one that is not over yet keeps who is left of it.</summary>
    private void Form(IReadOnlyList<Sequence> decoding)
    {
        var (stays, now) = (_left > 0 && !_takesAll, _formed += 2);
        var waiting = decoding.GroupBy(Key, StringComparer.Ordinal)
            .Select(g => (g.Key, Rows: g.Count(), Bytes: g.Sum(Bytes), Since: _members.Contains(g.Key) ? (stays ? 0 : now + 1) : _since.GetValueOrDefault(g.Key, now)))
            .OrderBy(g => g.Since)
            .ToList();
        _since = waiting.ToDictionary(g => g.Key, g => g.Since, StringComparer.Ordinal);
        var (rows, used, count, whole) = (0, 0d, 0, 0);
        foreach (var next in waiting.TakeWhile(g => rows < fewest || used + g.Bytes <= bytes))
        {
            (rows, used, count) = (rows + next.Rows, used + next.Bytes, count + 1);
            whole = rows % fewest == 0 ? count : whole;
        }

        (_takesAll, _all) = (rows == decoding.Count || used > 2 * bytes, decoding.Count);
        _members.Clear();
        _members.UnionWith(waiting.Take(whole > 0 ? whole : count).Select(g => g.Key));
        if (!stays)
        {
            _left = Steps;
        }
    }
}
