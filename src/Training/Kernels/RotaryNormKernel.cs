using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Axpo.Training.Kernels;

/// <summary>
/// Norm of each head and rotation by its position (on halves, as in transformers), of queries or keys: n = x r w with r = 1 / sqrt(mean(x^2) + eps), then y1 = n1 cos - n2 sin, y2 = n2 cos + n1 sin. One pass
/// each way; a head's bits do not depend on its neighbours.
/// </summary>
internal static unsafe class RotaryNormKernel
{
    private const int Lanes = 16;

    /// <summary>Normalises and rotates.</summary>
    /// <param name="x">[rows, heads, width].</param>
    /// <param name="weight">w [width].</param>
    /// <param name="eps">Added to the mean square.</param>
    /// <param name="cos">[rows, width], both halves alike.</param>
    /// <param name="sin">[rows, width], both halves alike.</param>
    /// <param name="y">[rows, heads, width].</param>
    /// <param name="inverse">r [rows, heads].</param>
    /// <param name="rows">Rows.</param>
    /// <param name="heads">Heads.</param>
    /// <param name="width">Width of a head; even.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Forward(float* x, float* weight, float eps, float* cos, float* sin, float* y, float* inverse, int rows, int heads, int width)
    {
        var half = width / 2;
        for (var row = 0; row < rows; row++, cos += width, sin += width)
        {
            for (var head = 0; head < heads; head++, x += width, y += width, inverse++)
            {
                var scale = 1f / MathF.Sqrt((RmsNormKernel.Dot(x, x, width) / width) + eps);
                *inverse = scale;
                var lanes = Vector512.Create(scale);
                var j = 0;
                for (; j + Lanes <= half; j += Lanes)
                {
                    var first = Vector512.Load(x + j) * lanes * Vector512.Load(weight + j);
                    var second = Vector512.Load(x + half + j) * lanes * Vector512.Load(weight + half + j);
                    var (c, s) = (Vector512.Load(cos + j), Vector512.Load(sin + j));
                    ((first * c) - (second * s)).Store(y + j);
                    ((second * c) + (first * s)).Store(y + half + j);
                }

                for (; j < half; j++)
                {
                    var (first, second) = (x[j] * scale * weight[j], x[half + j] * scale * weight[half + j]);
                    y[j] = (first * cos[j]) - (second * sin[j]);
                    y[half + j] = (second * cos[j]) + (first * sin[j]);
                }
            }
        }
    }

    /// <summary>Takes the gradient of the output to the input and the weight.</summary>
    /// <param name="gradient">dy [rows, heads, width]; overwritten by the gradient of the input.</param>
    /// <param name="x">[rows, heads, width].</param>
    /// <param name="weight">w [width].</param>
    /// <param name="inverse">r [rows, heads], as <see cref="Forward"/> left it.</param>
    /// <param name="cos">[rows, width], both halves alike.</param>
    /// <param name="sin">[rows, width], both halves alike.</param>
    /// <param name="weightGradient">[width]; the weight's gradient is added.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="heads">Heads.</param>
    /// <param name="width">Width of a head; even.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Backward(float* gradient, float* x, float* weight, float* inverse, float* cos, float* sin, float* weightGradient, int rows, int heads, int width)
    {
        var half = width / 2;
        for (var row = 0; row < rows; row++, cos += width, sin += width)
        {
            for (var head = 0; head < heads; head++, x += width, gradient += width, inverse++)
            {
                RotaryKernel.TurnBack(gradient, cos, sin, half);
                var scale = *inverse;
                var shift = RmsNormKernel.WeightedDot(gradient, weight, x, width) * scale * scale * scale / width;
                var (scales, shifts) = (Vector512.Create(scale), Vector512.Create(-shift));
                var j = 0;
                for (; j + Lanes <= width; j += Lanes)
                {
                    var (dn, v) = (Vector512.Load(gradient + j) * scales, Vector512.Load(x + j));
                    Vector512.FusedMultiplyAdd(dn, v, Vector512.Load(weightGradient + j)).Store(weightGradient + j);
                    Vector512.FusedMultiplyAdd(dn, Vector512.Load(weight + j), v * shifts).Store(gradient + j);
                }

                for (; j < width; j++)
                {
                    var dn = gradient[j] * scale;
                    weightGradient[j] += dn * x[j];
                    gradient[j] = (dn * weight[j]) - (x[j] * shift);
                }
            }
        }
    }
}
