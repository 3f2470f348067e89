using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace Axpo.Training.Kernels;

/// <summary>The transpose of a look-up: rows are added to where they were looked up, one after the other, so that the sum is the same bits every time.</summary>
internal static unsafe class RowSums
{
    /// <summary>Adds row i of the values to row ids[i] of the table, in place.</summary>
    /// <param name="table">[rows, width] float32, contiguous, on the CPU.</param>
    /// <param name="ids">[n] int64.</param>
    /// <param name="values">[n, width] float32.</param>
    public static void Add(Tensor table, Tensor ids, Tensor values)
    {
        var (count, width) = ((int)values.size(0), (int)values.size(1));
        var to = HostMemory.Floats(table);
        var rows = HostMemory.Integers(ids);
        var from = HostMemory.Floats(values);
        for (var i = 0; i < count; i++)
        {
            Add(from + ((long)i * width), to + (rows[i] * width), width);
        }
    }

    /// <summary>Adds values to sums, in place.</summary>
    public static void Add(float* values, float* sums, int count)
    {
        var i = 0;
        for (; i + Vector512<float>.Count <= count; i += Vector512<float>.Count)
        {
            (Vector512.Load(sums + i) + Vector512.Load(values + i)).Store(sums + i);
        }

        for (; i < count; i++)
        {
            sums[i] += values[i];
        }
    }
}
