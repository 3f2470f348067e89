using Axpo.Training.Devices;
using static TorchSharp.torch;

namespace Axpo.Training.Generation;

/// <summary>One attention call: neighbouring rows and the context that they look at.</summary>
/// <param name="First">First row.</param>
/// <param name="Rows">Rows.</param>
/// <param name="IsPiece">Whether the rows are one sequence's, each after the other; else each is a sequence of its own.</param>
/// <param name="Context">Tokens of context, filled up to whole pages.</param>
/// <param name="Table">Where the page tables begin in what is uploaded: one a sequence, the first slot of each of its Context / <see cref="KvLayout.PageTokens"/> pages.</param>
internal readonly record struct AttentionCall(int First, int Rows, bool IsPiece, int Context, int Table)
{
    /// <summary>Sequences.</summary>
    public int Sequences => IsPiece ? 1 : Rows;
}

/// <summary>
/// The rows of a step, one a new token, in the order in which they are computed: decoded ones by the length of their context, so that neighbours share an attention call, then the pieces of prefills.
/// </summary>
internal sealed class TensorRows
{
    /// <summary>Contexts are filled up to a multiple of this: lengths that kernels like, and few different ones.</summary>
    public const int ContextStep = 64;

    private readonly StepWork[] _ordered;

    private TensorRows(StepWork[] ordered, int count, long[] packed, List<AttentionCall> calls) => (_ordered, Count, Packed, Calls) = (ordered, count, packed, calls);

    /// <summary>Rows.</summary>
    public int Count { get; }

    /// <summary>Ids [n], positions [n], slots [n], then the page tables of the calls: one copy to the device.</summary>
    public long[] Packed { get; }

    /// <summary>Sessions and tokens of the rows.</summary>
    public IEnumerable<(Session Session, int Token)> Tokens => _ordered.SelectMany(w => Enumerable.Range(w.From, w.Count).Select(p => (w.Sequence.Session!, p)));

    /// <summary>[3, n] int64: time, height and width of the rows.</summary>
    public Tensor Places(Device device)
    {
        (long Time, long Height, long Width)[] places = [.. Tokens.Select(t => t.Session.Pictures.Positions.At(t.Token))];
        return device.Upload((long[])[.. places.Select(p => p.Time), .. places.Select(p => p.Height), .. places.Select(p => p.Width)]).view(3, Count);
    }

    /// <summary>Attention calls, in the order of their rows.</summary>
    public List<AttentionCall> Calls { get; }

    /// <summary>Lays a step out.</summary>
    /// <param name="work">The step.</param>
    /// <param name="rowsOfCall">Most sequences whose contexts of a length one call may gather.</param>
    /// <param name="imageToken">Id of tokens that stand for pictures.</param>
    public static TensorRows Of(IReadOnlyList<StepWork> work, Func<int, int> rowsOfCall, int imageToken = 0)
    {
        StepWork[] ordered = [.. work.Where(w => w.Count > 0).OrderBy(w => w.Count > 1).ThenByDescending(w => w.Count > 1 ? 0 : w.From)];
        var (count, decoded) = (ordered.Sum(w => w.Count), ordered.Count(w => w.Count == 1));
        var packed = new List<long>(3 * count);
        packed.AddRange(ordered.SelectMany(w => Enumerable.Range(w.From, w.Count).Select(p => w.Sequence.Session!.Tokens[p] is >= 0 and var id ? (long)id : imageToken)));
        packed.AddRange(ordered.SelectMany(w => Enumerable.Range(w.From, w.Count).Select(p => (long)p)));
        packed.AddRange(ordered.SelectMany(w => Enumerable.Range(w.From, w.Count).Select(p => Slot(w.Sequence.Session!, p))));
        var calls = new List<AttentionCall>();
        for (var first = 0; first < decoded;)
        {
            // Padding at most doubles what is gathered.
            var context = Padded(ordered[first].From + 1);
            var rows = 1;
            while (first + rows < decoded && rows < rowsOfCall(context) && 2 * Padded(ordered[first + rows].From + 1) > context)
            {
                rows++;
            }

            calls.Add(new AttentionCall(first, rows, IsPiece: false, context, packed.Count));
            for (var i = 0; i < rows; i++)
            {
                AddTable(packed, ordered[first + i], context);
            }

            first += rows;
        }

        var row = decoded;
        foreach (var piece in ordered.AsSpan(decoded))
        {
            var context = Padded(piece.From + piece.Count);
            calls.Add(new AttentionCall(row, piece.Count, IsPiece: true, context, packed.Count));
            AddTable(packed, piece, context);
            row += piece.Count;
        }

        return new TensorRows(ordered, count, [.. packed], calls);
    }

    /// <summary>Where a token's keys, values and hidden state stand.</summary>
    public static long Slot(Session session, int position) => FirstSlot(session.Pages[position / KvLayout.PageTokens]) + (position % KvLayout.PageTokens);

    private static long FirstSlot(KvPage page) => (long)page.Index * KvLayout.PageTokens;

    private static int Padded(int tokens) => (tokens + ContextStep - 1) / ContextStep * ContextStep;

    private static void AddTable(List<long> packed, StepWork work, int context)
    {
        var pages = work.Sequence.Session!.Pages;
        for (var i = 0; i < context / KvLayout.PageTokens; i++)
        {
            // Beyond the last page any number does: those tokens are masked.
            packed.Add(i < pages.Count ? FirstSlot(pages[i]) : 0);
        }
    }
}
