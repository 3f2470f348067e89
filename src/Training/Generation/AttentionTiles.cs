using System.Runtime.InteropServices;

namespace Axpo.Training.Generation;

/// <summary>Queries of one kv head that meet the same pages together.</summary>
/// <param name="First">First of them: query i is head i % group of the row in place i / group.</param>
/// <param name="Count">How many, 1 to <see cref="AttentionTiles.Queries"/>.</param>
/// <param name="Shared">Leading pages that all of them attend to in full.</param>
internal readonly record struct AttentionTile(int First, int Count, int Shared);

/// <summary>
/// Cuts the rows of a pass into tiles: the heads of a row that share a kv head, and rows whose sessions begin with the same pages (the rows of a prefill's piece, a group after its prompt, forks after their prefix).
/// </summary>
/// <param name="group">Query heads of a kv head.</param>
internal sealed class AttentionTiles(int group)
{
    /// <summary>Queries of a tile at most: their sums fit into the processor's registers.</summary>
    public const int Queries = 4;

    private readonly Dictionary<KvPage, int> _firstPages = [];
    private readonly List<AttentionTile> _tiles = [];
    private int[] _order = [];
    private int[] _keys = [];

    /// <summary>The tiles of each kv head.</summary>
    public ReadOnlySpan<AttentionTile> All => CollectionsMarshal.AsSpan(_tiles);

    /// <summary>Index of the row of a query.</summary>
    public int Row(int query) => _order[query / group];

    /// <summary>Cuts.</summary>
    public void Cut(ReadOnlySpan<AttentionRow> rows)
    {
        Arrange(rows);
        _tiles.Clear();
        var queries = rows.Length * group;
        for (var first = 0; first < queries;)
        {
            var (count, shared) = (1, Full(rows[Row(first)]));
            while (count < Queries && first + count < queries)
            {
                // Another query joins if fewer pages are then loaded in all.
                var with = Shared(rows[Row(first + count - 1)], rows[Row(first + count)], shared);
                if (count * with < (count - 1) * shared || with == 0)
                {
                    break;
                }

                (count, shared) = (count + 1, with);
            }

            _tiles.Add(new AttentionTile(first, count, count == 1 ? 0 : shared));
            first += count;
        }
    }

    /// <summary>Rows with the same first page stand together, else in their order.</summary>
    private void Arrange(ReadOnlySpan<AttentionRow> rows)
    {
        if (_order.Length < rows.Length)
        {
            (_order, _keys) = (new int[rows.Length], new int[rows.Length]);
        }

        _firstPages.Clear();
        for (var i = 0; i < rows.Length; i++)
        {
            ref var place = ref CollectionsMarshal.GetValueRefOrAddDefault(_firstPages, rows[i].Pages[0], out var known);
            place = known ? place : _firstPages.Count;
            (_order[i], _keys[i]) = (i, place);
        }

        // Places are unique with the index below them: the order is stable.
        for (var i = 0; i < rows.Length; i++)
        {
            _keys[i] = (_keys[i] * rows.Length) + i;
        }

        Array.Sort(_keys, _order, 0, rows.Length);
    }

    private static int Full(AttentionRow row) => row.Length / KvLayout.PageTokens;

    private static int Shared(AttentionRow a, AttentionRow b, int most)
    {
        var limit = Math.Min(most, Full(b));
        if (ReferenceEquals(a.Pages, b.Pages))
        {
            return limit;
        }

        var shared = 0;
        while (shared < limit && ReferenceEquals(a.Pages[shared], b.Pages[shared]))
        {
            shared++;
        }

        return shared;
    }
}
