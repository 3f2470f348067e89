using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Axpo.Training.Kernels;

/// <summary>silu(gate) up, silu(x) = x sigmoid(x) (Shazeer 2020), in one pass each way.</summary>
internal static unsafe class SwiGluKernel
{
    private const int Lanes = 16;

    /// <summary>Computes it for rows by themselves: an element's bits depend on its place in the row, never on the number of rows.</summary>
    /// <param name="gate">[rows, width].</param>
    /// <param name="up">[rows, width].</param>
    /// <param name="output">[rows, width], apart from the others.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="width">Elements of a row.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Forward(float* gate, float* up, float* output, int rows, int width)
    {
        for (var row = 0; row < rows; row++, gate += width, up += width, output += width)
        {
            if (width < Lanes)
            {
                for (var i = 0; i < width; i++)
                {
                    output[i] = gate[i] / (1 + MathF.Exp(-gate[i])) * up[i];
                }

                continue;
            }

            for (var j = 0; j < width; j += Lanes)
            {
                // The last vector begins earlier where the width is no multiple, and computes some elements again.
                var at = Math.Min(j, width - Lanes);
                var g = Vector512.Load(gate + at);
                (g * LaneMath.Sigmoid(g) * Vector512.Load(up + at)).Store(output + at);
            }
        }
    }

    /// <summary>Takes the gradient of the output to both inputs, which it overwrites with theirs.</summary>
    /// <param name="gradient">[count].</param>
    /// <param name="gate">[count]; then its gradient.</param>
    /// <param name="up">[count]; then its gradient.</param>
    /// <param name="count">Elements.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Backward(float* gradient, float* gate, float* up, long count)
    {
        var i = 0L;
        for (; i + Lanes <= count; i += Lanes)
        {
            var (g, u, d) = (Vector512.Load(gate + i), Vector512.Load(up + i), Vector512.Load(gradient + i));
            var sigmoid = LaneMath.Sigmoid(g);
            var silu = g * sigmoid;
            (d * u * (sigmoid + (silu * (Vector512<float>.One - sigmoid)))).Store(gate + i);
            (d * silu).Store(up + i);
        }

        for (; i < count; i++)
        {
            var sigmoid = 1 / (1 + MathF.Exp(-gate[i]));
            var silu = gate[i] * sigmoid;
            gate[i] = gradient[i] * up[i] * (sigmoid + (silu * (1 - sigmoid)));
            up[i] = gradient[i] * silu;
        }
    }
}
