using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Axpo.Training.Kernels;

namespace Axpo.Training.Generation;

/// <summary>
/// Attention of single tokens over paged keys and values, on the CPU. The context of a row is summed in one fixed order (<see cref="RowAttention"/>): the result is the
/// same bits whoever else is in the batch, whether the token was decoded or prefilled, and wherever the prefix is stored. Queries that meet the same pages go over them together
/// (<see cref="TileAttention"/>), which changes the order of loads and no sum. One a worker.
/// </summary>
internal sealed unsafe class PagedAttention(KvLayout layout)
{
    private const int Page = KvLayout.PageTokens;

    private readonly int _group = layout.Heads / layout.KvHeads;
    private readonly bool _headsTogether = layout.Heads == layout.KvHeads && layout.HeadDim % 32 == 0 && Vector512.IsHardwareAccelerated;
    private readonly AttentionTiles _tiles = new(layout.Heads / layout.KvHeads);
    private readonly float[] _sums = GC.AllocateArray<float>(Math.Max(AttentionTiles.Queries, layout.KvHeads) * PageAttention.Sums(layout.HeadDim), pinned: true);
    private List<AttentionRow> _rows = [];
    private float[] _scores = GC.AllocateUninitializedArray<float>(4096, pinned: true);

    /// <summary>Stores one token's keys and values in its page.</summary>
    /// <param name="data">The page.</param>
    /// <param name="slot">Place in the page.</param>
    /// <param name="layer">Layer.</param>
    /// <param name="k">[kvHeads, headDim].</param>
    /// <param name="v">[kvHeads, headDim].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Write(float* data, int slot, int layer, float* k, float* v)
    {
        var width = layout.HeadDim;
        for (var head = 0; head < layout.KvHeads; head++)
        {
            var keys = data + layout.Keys(layer, head) + slot;
            var from = k + (head * width);
            for (var d = 0; d < width; d++)
            {
                keys[d * Page] = from[d];
            }

            new ReadOnlySpan<float>(v + (head * width), width).CopyTo(new Span<float>(data + layout.Values(layer, head) + (slot * width), width));
        }
    }

    /// <summary>Sets the rows of the next calls; the list stays as it is until then.</summary>
    public void Begin(List<AttentionRow> rows)
    {
        _rows = rows;
        _tiles.Cut(CollectionsMarshal.AsSpan(rows));
    }

    /// <summary>softmax(q k^T / sqrt(headDim)) v of each row.</summary>
    /// <param name="layer">Layer.</param>
    /// <param name="q">[rows, heads, headDim].</param>
    /// <param name="output">[rows, heads, headDim].</param>
    public void Attend(int layer, float* q, float* output)
    {
        foreach (var tile in _tiles.All)
        {
            if (tile.Shared == 0 && _headsTogether)
            {
                for (var i = 0; i < tile.Count; i++)
                {
                    var at = Offset(tile.First + i, 0);
                    AttendHeads(_rows[_tiles.Row(tile.First + i)], layer, q + at, output + at);
                }

                continue;
            }

            for (var kvHead = 0; kvHead < layout.KvHeads; kvHead++)
            {
                Attend(tile, kvHead, layer, q, output);
            }
        }
    }

    /// <summary>The same for one row, head by head: what <see cref="Attend(int, float*, float*)"/> must be, bit by bit.</summary>
    /// <param name="row">The row.</param>
    /// <param name="layer">Layer.</param>
    /// <param name="q">[heads, headDim].</param>
    /// <param name="output">[heads, headDim].</param>
    public void AttendAlone(AttentionRow row, int layer, float* q, float* output)
    {
        for (var head = 0; head < layout.Heads; head++)
        {
            AttendAlone(row, head / _group, layer, q + (head * layout.HeadDim), output + (head * layout.HeadDim));
        }
    }

    /// <summary>One row with a query head for each kv head.</summary>
    private void AttendHeads(AttentionRow row, int layer, float* q, float* output)
    {
        var (heads, pages) = (layout.KvHeads, KvLayout.Pages(row.Length));
        var scores = Scores(heads * pages);
        var inverse = stackalloc float[heads];
        HeadsAttention.Scores(row, layout.Keys(layer, 0), heads, layout.HeadDim, q, scores);
        for (var head = 0; head < heads; head++)
        {
            inverse[head] = 1f / RowAttention.Softmax(scores + (head * pages * Page), pages);
        }

        fixed (float* sums = _sums)
        {
            HeadsAttention.Mix(row, layout.Values(layer, 0), heads, layout.HeadDim, scores, inverse, sums, output);
        }
    }

    private void AttendAlone(AttentionRow row, int kvHead, int layer, float* q, float* output)
    {
        var scores = Scores(KvLayout.Pages(row.Length));
        RowAttention.Scores(row, 0, layout.Keys(layer, kvHead), layout.HeadDim, q, scores);
        var sum = RowAttention.Softmax(scores, KvLayout.Pages(row.Length));
        RowAttention.Mix(row, 0, layout.Values(layer, kvHead), layout.HeadDim, scores, null, 1f / sum, output);
    }

    private void Attend(AttentionTile tile, int kvHead, int layer, float* q, float* output)
    {
        var rows = CollectionsMarshal.AsSpan(_rows);
        var width = layout.HeadDim;
        if (tile.Shared == 0 || !Vector512.IsHardwareAccelerated)
        {
            for (var i = 0; i < tile.Count; i++)
            {
                var at = Offset(tile.First + i, kvHead);
                AttendAlone(rows[_tiles.Row(tile.First + i)], kvHead, layer, q + at, output + at);
            }

            return;
        }

        var pages = 0;
        for (var i = 0; i < tile.Count; i++)
        {
            pages = Math.Max(pages, KvLayout.Pages(rows[_tiles.Row(tile.First + i)].Length));
        }

        // A tile that is not full repeats its last query.
        var queries = stackalloc float*[AttentionTiles.Queries];
        for (var i = 0; i < AttentionTiles.Queries; i++)
        {
            queries[i] = q + Offset(tile.First + Math.Min(i, tile.Count - 1), kvHead);
        }

        var scores = Scores(AttentionTiles.Queries * pages);
        var stride = pages * Page;
        var shared = CollectionsMarshal.AsSpan(rows[_tiles.Row(tile.First)].Pages)[..tile.Shared];
        TileAttention.Scores(shared, layout.Keys(layer, kvHead), width, queries, scores, stride);
        var inverse = stackalloc float[AttentionTiles.Queries];
        for (var i = 0; i < tile.Count; i++)
        {
            var row = rows[_tiles.Row(tile.First + i)];
            RowAttention.Scores(row, tile.Shared, layout.Keys(layer, kvHead), width, queries[i], scores + (i * stride));
            inverse[i] = 1f / RowAttention.Softmax(scores + (i * stride), KvLayout.Pages(row.Length));
        }

        fixed (float* sums = _sums)
        {
            TileAttention.Mix(shared, layout.Values(layer, kvHead), width, scores, stride, sums);
            for (var i = 0; i < tile.Count; i++)
            {
                RowAttention.Mix(rows[_tiles.Row(tile.First + i)], tile.Shared, layout.Values(layer, kvHead), width, scores + (i * stride), sums + (i * PageAttention.Sums(width)), inverse[i], output + Offset(tile.First + i, kvHead));
            }
        }
    }

    /// <summary>Where a query of a kv head stands among all rows.</summary>
    private int Offset(int query, int kvHead) => ((_tiles.Row(query) * layout.Heads) + (kvHead * _group) + (query % _group)) * layout.HeadDim;

    /// <summary>Room for the scores of so many pages; pinned.</summary>
    private float* Scores(int pages)
    {
        if (_scores.Length < pages * Page)
        {
            _scores = GC.AllocateUninitializedArray<float>(2 * pages * Page, pinned: true);
        }

        return (float*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_scores));
    }
}
