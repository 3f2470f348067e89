namespace Axpo.Core;

/// <summary>Sequential draws from one key. A convenience over the counter: the n-th draw depends on the key and n alone.</summary>
public sealed class ChanceStream(ChanceKey key)
{
    private uint _next;

    /// <summary>A uniform number in (0, 1).</summary>
    public double NextDouble() => key.Uniform(uint.MaxValue, _next++);

    /// <summary>A uniform integer in [0, <paramref name="bound"/>).</summary>
    /// <exception cref="ArgumentOutOfRangeException">The bound is not positive.</exception>
    public int Next(int bound)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bound);
        return (int)(((ulong)key.Bits(uint.MaxValue, _next++) * (ulong)bound) >> 32);
    }

    /// <summary>A uniform integer in [<paramref name="from"/>, <paramref name="to"/>] (both included).</summary>
    public int Next(int from, int to) => from + Next(to - from + 1);

    /// <summary>One element of a list.</summary>
    public T Pick<T>(IReadOnlyList<T> items) => items[Next(items.Count)];

    /// <summary>A permutation of 0..n-1 (Fisher-Yates).</summary>
    public int[] Permutation(int n)
    {
        var order = Enumerable.Range(0, n).ToArray();
        for (var i = n - 1; i > 0; i--)
        {
            var j = Next(i + 1);
            (order[i], order[j]) = (order[j], order[i]);
        }

        return order;
    }
}
