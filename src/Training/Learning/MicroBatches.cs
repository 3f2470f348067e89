namespace Axpo.Training.Learning;

/// <summary>Cuts sequences into micro-batches.</summary>
internal static class MicroBatches
{
    /// <summary>Cuts: as many for each worker, and as even, as whole sequences allow. Longest sequences stand first; where prefixes are shared, those that begin alike stand together.</summary>
    /// <param name="items">Sequences.</param>
    /// <param name="tokens">Tokens of one.</param>
    /// <param name="most">Tokens of a micro-batch at most, shared ones counted once; a longer sequence has one of its own.</param>
    /// <param name="workers">Workers.</param>
    /// <param name="shares">Whether sequences of a micro-batch share the rows of their common prefixes.</param>
    public static List<List<T>> Cut<T>(IReadOnlyList<T> items, Func<T, int[]> tokens, int most, int workers, bool shares)
    {
        List<T> order = shares ? [.. items.OrderBy(tokens, TokenOrder.Instance)] : [.. items.OrderByDescending(i => tokens(i).Length)];
        int[] common = [.. order.Select((item, i) => shares && i > 0 ? TokenOrder.CommonPrefix(tokens(order[i - 1]), tokens(item)) : 0)];
        var all = order.Select((item, i) => (long)tokens(item).Length - common[i]).Sum();
        var even = all / (Math.Ceiling((double)all / most / workers) * workers);
        var micros = new List<List<T>>();
        var count = 0;
        for (var i = 0; i < order.Count; i++)
        {
            var length = tokens(order[i]).Length;
            var own = length - common[i];
            if (micros.Count == 0 || count + own > most || count + (own / 2.0) > even)
            {
                micros.Add([]);
                (count, own) = (0, length);
            }

            micros[^1].Add(order[i]);
            count += own;
        }

        return micros;
    }
}
