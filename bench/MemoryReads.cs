using System.Runtime.Intrinsics;

namespace Axpo.Bench;

/// <summary>The machine's memory: bytes a second that every core together reads of a buffer far larger than its caches.</summary>
internal sealed class MemoryReads
{
    private const int FloatsOfAThread = 64 << 20;
    private const int Passes = 2;
    private const int Lanes = 4;

    private readonly float[][] _parts = [.. Enumerable.Range(0, Environment.ProcessorCount).Select(_ => Filled())];

    /// <summary>Measures a round of some tenths of a second, in bytes a second.</summary>
    public Task MeasureAsync(int round, Rate rate) => rate.AddAsync(round, (double)_parts.Length * FloatsOfAThread * sizeof(float) * Passes, () => Task.WhenAll(_parts.Select(part => BareLoop.OnThread(() => Sum(part)))));

    private static float[] Filled()
    {
        var part = GC.AllocateUninitializedArray<float>(FloatsOfAThread);
        Array.Fill(part, 1f);
        return part;
    }

    private static float Sum(float[] part)
    {
        var sums = new Vector512<float>[Lanes];
        for (var pass = 0; pass < Passes; pass++)
        {
            ref var first = ref part[0];
            Vector512<float> a = sums[0], b = sums[1], c = sums[2], d = sums[3];
            for (nuint i = 0; i < FloatsOfAThread; i += 64)
            {
                a += Vector512.LoadUnsafe(ref first, i);
                b += Vector512.LoadUnsafe(ref first, i + 16);
                c += Vector512.LoadUnsafe(ref first, i + 32);
                d += Vector512.LoadUnsafe(ref first, i + 48);
            }

            (sums[0], sums[1], sums[2], sums[3]) = (a, b, c, d);
        }

        return Vector512.Sum(sums[0] + sums[1] + sums[2] + sums[3]);
    }
}
