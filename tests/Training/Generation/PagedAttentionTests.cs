using Axpo.Core;
using Axpo.Training.Generation;
using Axpo.Training.Models;
using CsCheck;
using Shouldly;
using Xunit;

namespace Axpo.Training.Tests.Generation;

/// <summary>Queries that go over pages together have the bits that each has alone, and those are attention.</summary>
public sealed class PagedAttentionTests
{
    private const int Page = KvLayout.PageTokens;

    private static readonly int[] _widths = [1, 5, 10, 16, 30, 32, 33, 40, 48, 64, 80, 128];

    private static readonly Gen<DecoderConfig> Shape = Gen.Select(Gen.Int[1, 3], Gen.Int[1, 6], Gen.Int[0, _widths.Length - 1], (kvHeads, group, width) => new DecoderConfig
    {
        VocabSize = 10,
        HiddenSize = 8,
        Layers = 2,
        Heads = kvHeads * group,
        KvHeads = kvHeads,
        HeadDim = _widths[width],
        IntermediateSize = 8,
        MaxPositions = 1024,
    });

    /// <summary>A session: whose pages it begins with, how many of them it takes, its own tokens, and how many rows of it attend.</summary>
    private static readonly Gen<(int Source, int Taken, int Own, int Rows)[]> Sessions = Gen.Select(Gen.Int[0, 99], Gen.Int[0, 8], Gen.Int[1, 70], Gen.Frequency((3, Gen.Const(1)), (1, Gen.Int[2, 40]))).Array[1, 12];

    [Fact]
    public void Queries_together_have_the_bits_of_each_alone() =>
        Gen.Select(Shape, Sessions, Gen.Int[0, 999]).Sample((shape, sessions, seed) => new Case(shape, sessions, seed).Check(), iter: 200, threads: 1);

    [Fact]
    public void Rows_of_a_prefix_stand_in_one_tile_wherever_they_come()
    {
        using var pool = new KvPool(new KvLayout(EngineFixture.Config), 64 << 20);
        List<KvPage> prefix = [.. Enumerable.Range(0, 4).Select(_ => pool.Rent())], other = [.. Enumerable.Range(0, 3).Select(_ => pool.Rent())];
        AttentionRow[] rows = [Row(prefix), Row(other), Row(prefix), Row(other), Row(prefix), Row(prefix), Row(prefix)];
        var tiles = new AttentionTiles(1);
        tiles.Cut(rows);
        tiles.All.ToArray().ShouldBe([new AttentionTile(0, 4, 4), new AttentionTile(4, 1, 0), new AttentionTile(5, 2, 3)]);
        Enumerable.Range(0, 7).Select(tiles.Row).ShouldBe([0, 2, 4, 5, 6, 1, 3]);

        AttentionRow Row(List<KvPage> shared) => new([.. shared, pool.Rent()], (shared.Count * Page) + 1);
    }

    [Fact]
    public void A_row_that_shares_little_does_not_cost_the_others_their_pages()
    {
        using var pool = new KvPool(new KvLayout(EngineFixture.Config), 64 << 20);
        var prompt = pool.Rent();
        List<KvPage> fork = [prompt, .. Enumerable.Range(0, 9).Select(_ => pool.Rent())], other = [prompt, .. Enumerable.Range(0, 9).Select(_ => pool.Rent())];
        var tiles = new AttentionTiles(1);
        tiles.Cut([new(fork, 160), new([.. fork], 160), new([.. fork], 160), new(other, 160), new([.. other], 160)]);
        tiles.All.ToArray().ShouldBe([new AttentionTile(0, 3, 10), new AttentionTile(3, 2, 10)]);
    }

    private sealed unsafe class Case
    {
        private readonly KvLayout _layout;
        private readonly KvPool _pool;
        private readonly ChanceStream _chance;
        private readonly List<AttentionRow> _rows = [];

        public Case(DecoderConfig shape, (int Source, int Taken, int Own, int Rows)[] sessions, int seed)
        {
            (_layout, _chance) = (new KvLayout(shape), ChanceKey.Root((ulong)seed).Stream());
            _pool = new KvPool(_layout, 256L << 20);
            var made = new List<(List<KvPage> Pages, int Length)>();
            foreach (var (source, taken, own, rows) in sessions)
            {
                var from = made.Count == 0 ? ([], 0) : made[source % made.Count];
                var shared = Math.Min(taken, from.Length / Page);
                var length = (shared * Page) + own;
                List<KvPage> pages = [.. from.Pages[..shared]];
                while (pages.Count < KvLayout.Pages(length))
                {
                    pages.Add(Filled());
                }

                made.Add((pages, length));
                _rows.AddRange(Enumerable.Range(0, Math.Min(rows, length)).Select(i => new AttentionRow(pages, length - i)));
            }

            // A pass mixes sessions as it likes.
            var order = _chance.Permutation(_rows.Count);
            _rows = [.. seed % 2 == 0 ? _rows : order.Select(i => _rows[i])];
        }

        public void Check()
        {
            var width = _layout.Heads * _layout.HeadDim;
            var q = Pinned(_rows.Count * width, () => (float)((4 * _chance.NextDouble()) - 2));
            float[] together = Pinned(q.Length, () => float.NaN), alone = Pinned(q.Length, () => float.NaN);
            var attention = new PagedAttention(_layout);
            attention.Begin(_rows);
            for (var layer = 0; layer < _layout.Layers; layer++)
            {
                fixed (float* from = q, a = together, b = alone)
                {
                    attention.Attend(layer, from, a);
                    for (var i = 0; i < _rows.Count; i++)
                    {
                        attention.AttendAlone(_rows[i], layer, from + (i * width), b + (i * width));
                    }
                }

                together.Select(BitConverter.SingleToInt32Bits).ShouldBe(alone.Select(BitConverter.SingleToInt32Bits));
                var last = _rows.Count - 1;
                var wanted = Dense(_rows[last], layer, q.AsSpan(last * width, width));
                for (var d = 0; d < width; d++)
                {
                    together[(last * width) + d].ShouldBe((float)wanted[d], 1e-4f);
                }
            }

            _pool.Dispose();
        }

        /// <summary>The definition in doubles, token by token.</summary>
        private double[] Dense(AttentionRow row, int layer, ReadOnlySpan<float> q)
        {
            var width = _layout.HeadDim;
            var output = new double[_layout.Heads * width];
            for (var head = 0; head < _layout.Heads; head++)
            {
                var kvHead = head / (_layout.Heads / _layout.KvHeads);
                var weights = new double[row.Length];
                for (var t = 0; t < row.Length; t++)
                {
                    for (var d = 0; d < width; d++)
                    {
                        weights[t] += q[(head * width) + d] * row.Pages[t / Page].Data[_layout.Keys(layer, kvHead) + (d * Page) + (t % Page)] / Math.Sqrt(width);
                    }
                }

                var total = weights.Sum(Math.Exp);
                for (var t = 0; t < row.Length; t++)
                {
                    for (var d = 0; d < width; d++)
                    {
                        output[(head * width) + d] += Math.Exp(weights[t]) / total * row.Pages[t / Page].Data[_layout.Values(layer, kvHead) + (t % Page * width) + d];
                    }
                }
            }

            return output;
        }

        private KvPage Filled()
        {
            var page = _pool.Rent();
            for (var i = 0; i < _layout.HiddenOffset; i++)
            {
                page.Data[i] = (float)((2 * _chance.NextDouble()) - 1);
            }

            return page;
        }

        private static float[] Pinned(int length, Func<float> value)
        {
            var array = GC.AllocateUninitializedArray<float>(length, pinned: true);
            for (var i = 0; i < length; i++)
            {
                array[i] = value();
            }

            return array;
        }
    }
}
