using System.Globalization;
using Axpo.Training.Generation;
using Axpo.Training.Models;

namespace Axpo.Bench;

/// <summary>The attention kernel alone, on one thread, as a step of all layers calls it: queries over the same pages together, against each on its own. By processor time.</summary>
internal static class AttentionBench
{
    private const int Prefix = 512;
    private const int Live = 32;
    private const int Piece = 128;
    private const int Rounds = 9;
    private const int Repeats = 20;

    public static async Task<IReadOnlyList<Row>> RunAsync()
    {
        var manyHeads = Shapes.Tiny with { Heads = 16 };
        using var groups = new Case(Shapes.Tiny, Live, share: 8, rows: 1);
        using var alone = new Case(Shapes.Tiny, Live, share: 1, rows: 1);
        using var heads = new Case(manyHeads, Live, share: 1, rows: 1);
        using var piece = new Case(Shapes.Tiny, 1, share: 1, rows: Piece);
        return
        [
            await CompareAsync($"attention of {Live} rows in groups of 8 that share a prefix of {Prefix} tokens / with private copies", groups.Together, alone.Together, Live),
            await CompareAsync($"attention of {Live} rows in groups of 8 that share a prefix of {Prefix} tokens / a row at a time", groups.Together, groups.Alone, Live),
            await CompareAsync($"attention of {Live} rows with {Prefix} tokens of their own, 4 heads to a kv head / a head at a time", heads.Together, heads.Alone, Live),
            await CompareAsync($"attention of a prefill's {Piece} rows after {Prefix} tokens / a row at a time", piece.Together, piece.Alone, Piece),
        ];
    }

    private static async Task<Row> CompareAsync(string what, Action ours, Action other, int rows)
    {
        Rate a = new(), b = new();
        for (var round = 0; round <= Rounds; round++)
        {
            await a.AddAsync(round, rows, () => Repeat(ours));
            await b.AddAsync(round, rows, () => Repeat(other));
        }

        return Row.Context(what, Microseconds(a), Microseconds(b), a.CpuAgainst(b));
    }

    private static Task<int> Repeat(Action action) => BareLoop.OnThread(() =>
    {
        for (var i = 0; i < Repeats; i++)
        {
            action();
        }

        return 0;
    });

    private static string Microseconds(Rate rate) => string.Create(CultureInfo.InvariantCulture, $"{1e6 / rate.PerCpuSecond / Repeats:F1} us a row");

    /// <summary>Rows over filled pages; every <c>share</c> sessions have the prefix's pages in common.</summary>
    private sealed unsafe class Case : IDisposable
    {
        private readonly KvPool _pool;
        private readonly PagedAttention _attention;
        private readonly List<AttentionRow> _rows = [];
        private readonly int _layers;
        private readonly int _width;
        private readonly float[] _q;
        private readonly float[] _output;

        public Case(DecoderConfig config, int sessions, int share, int rows)
        {
            var layout = new KvLayout(config);
            (_layers, _width) = (layout.Layers, layout.Heads * layout.HeadDim);
            _pool = new KvPool(layout, 1024L << 20);
            _attention = new PagedAttention(layout);
            List<KvPage> prefix = [];
            for (var i = 0; i < sessions; i++)
            {
                if (i % share == 0)
                {
                    prefix = [.. Pages(layout, Prefix)];
                }

                List<KvPage> pages = [.. prefix, .. Pages(layout, rows)];
                for (var row = 1; row <= rows; row++)
                {
                    _rows.Add(new AttentionRow(pages, Prefix + row));
                }
            }

            _q = GC.AllocateArray<float>(_rows.Count * _width, pinned: true);
            _output = GC.AllocateArray<float>(_rows.Count * _width, pinned: true);
            for (var i = 0; i < _q.Length; i++)
            {
                _q[i] = MathF.Sin(i);
            }
        }

        public void Together()
        {
            _attention.Begin(_rows);
            fixed (float* q = _q, output = _output)
            {
                for (var layer = 0; layer < _layers; layer++)
                {
                    _attention.Attend(layer, q, output);
                }
            }
        }

        public void Alone()
        {
            fixed (float* q = _q, output = _output)
            {
                for (var layer = 0; layer < _layers; layer++)
                {
                    for (var i = 0; i < _rows.Count; i++)
                    {
                        _attention.AttendAlone(_rows[i], layer, q + (i * _width), output + (i * _width));
                    }
                }
            }
        }

        public void Dispose() => _pool.Dispose();

        private IEnumerable<KvPage> Pages(KvLayout layout, int tokens)
        {
            for (var i = 0; i < KvLayout.Pages(tokens); i++)
            {
                yield return Filled(layout);
            }
        }

        private KvPage Filled(KvLayout layout)
        {
            var page = _pool.Rent();
            for (var i = 0; i < layout.PageFloats; i++)
            {
                page.Data[i] = MathF.Cos(i);
            }

            return page;
        }
    }
}
