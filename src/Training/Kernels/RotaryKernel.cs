using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Axpo.Training.Kernels;

/// <summary>Rotation of heads by their position, on halves, of queries or keys that are not normed: y1 = x1 cos - x2 sin, y2 = x2 cos + x1 sin.</summary>
internal static unsafe class RotaryKernel
{
    private const int Lanes = 16;

    /// <summary>Rotates.</summary>
    /// <param name="x">[rows, heads, width].</param>
    /// <param name="cos">[rows, width], both halves alike.</param>
    /// <param name="sin">[rows, width], both halves alike.</param>
    /// <param name="y">[rows, heads, width].</param>
    /// <param name="rows">Rows.</param>
    /// <param name="heads">Heads.</param>
    /// <param name="width">Width of a head; even.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Forward(float* x, float* cos, float* sin, float* y, int rows, int heads, int width)
    {
        var half = width / 2;
        for (var row = 0; row < rows; row++, cos += width, sin += width)
        {
            for (var head = 0; head < heads; head++, x += width, y += width)
            {
                var j = 0;
                for (; j + Lanes <= half; j += Lanes)
                {
                    var (first, second) = (Vector512.Load(x + j), Vector512.Load(x + half + j));
                    var (c, s) = (Vector512.Load(cos + j), Vector512.Load(sin + j));
                    ((first * c) - (second * s)).Store(y + j);
                    ((second * c) + (first * s)).Store(y + half + j);
                }

                for (; j < half; j++)
                {
                    y[j] = (x[j] * cos[j]) - (x[half + j] * sin[j]);
                    y[half + j] = (x[half + j] * cos[j]) + (x[j] * sin[j]);
                }
            }
        }
    }

    /// <summary>Takes the gradient of the output to the input.</summary>
    /// <param name="gradient">dy [rows, heads, width]; overwritten by the gradient of the input.</param>
    /// <param name="cos">[rows, width], both halves alike.</param>
    /// <param name="sin">[rows, width], both halves alike.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="heads">Heads.</param>
    /// <param name="width">Width of a head; even.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Backward(float* gradient, float* cos, float* sin, int rows, int heads, int width)
    {
        for (var row = 0; row < rows; row++, cos += width, sin += width)
        {
            for (var head = 0; head < heads; head++, gradient += width)
            {
                TurnBack(gradient, cos, sin, width / 2);
            }
        }
    }

    /// <summary>Turns a head's gradient back, in place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void TurnBack(float* gradient, float* cos, float* sin, int half)
    {
        var j = 0;
        for (; j + Lanes <= half; j += Lanes)
        {
            var (first, second) = (Vector512.Load(gradient + j), Vector512.Load(gradient + half + j));
            var (c, s) = (Vector512.Load(cos + j), Vector512.Load(sin + j));
            ((first * c) + (second * s)).Store(gradient + j);
            ((second * c) - (first * s)).Store(gradient + half + j);
        }

        for (; j < half; j++)
        {
            var (first, second) = (gradient[j], gradient[half + j]);
            gradient[j] = (first * cos[j]) + (second * sin[j]);
            gradient[half + j] = (second * cos[j]) - (first * sin[j]);
        }
    }
}
