using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Axpo.Training.Kernels;

/// <summary>Root-mean-square norm of rows, y = x r w with r = 1 / sqrt(mean(x^2) + eps), in one pass each way. A row's bits do not depend on its neighbours.</summary>
internal static unsafe class RmsNormKernel
{
    private const int Lanes = 16;

    /// <summary>Normalises.</summary>
    /// <param name="x">[rows, width].</param>
    /// <param name="weight">w [width].</param>
    /// <param name="eps">Added to the mean square.</param>
    /// <param name="y">[rows, width].</param>
    /// <param name="inverse">r [rows].</param>
    /// <param name="rows">Rows.</param>
    /// <param name="width">Elements of a row.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Forward(float* x, float* weight, float eps, float* y, float* inverse, int rows, int width)
    {
        for (var row = 0; row < rows; row++, x += width, y += width)
        {
            var scale = 1f / MathF.Sqrt((Dot(x, x, width) / width) + eps);
            inverse[row] = scale;
            var lanes = Vector512.Create(scale);
            var j = 0;
            for (; j + Lanes <= width; j += Lanes)
            {
                (Vector512.Load(x + j) * lanes * Vector512.Load(weight + j)).Store(y + j);
            }

            for (; j < width; j++)
            {
                y[j] = x[j] * scale * weight[j];
            }
        }
    }

    /// <summary>Takes the gradient of the output to the input and the weight.</summary>
    /// <param name="gradient">dy [rows, width].</param>
    /// <param name="x">[rows, width].</param>
    /// <param name="weight">w [width].</param>
    /// <param name="inverse">r [rows], as <see cref="Forward"/> left it.</param>
    /// <param name="inputGradient">[rows, width]; the input's gradient is added.</param>
    /// <param name="weightGradient">[width]; the weight's gradient is added.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="width">Elements of a row.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Backward(float* gradient, float* x, float* weight, float* inverse, float* inputGradient, float* weightGradient, int rows, int width)
    {
        for (var row = 0; row < rows; row++, x += width, gradient += width, inputGradient += width)
        {
            var scale = inverse[row];
            var dot = WeightedDot(gradient, weight, x, width);
            var shift = dot * scale * scale * scale / width;
            var (scales, shifts) = (Vector512.Create(scale), Vector512.Create(-shift));
            var j = 0;
            for (; j + Lanes <= width; j += Lanes)
            {
                var (dy, v) = (Vector512.Load(gradient + j) * scales, Vector512.Load(x + j));
                Vector512.FusedMultiplyAdd(dy, v, Vector512.Load(weightGradient + j)).Store(weightGradient + j);
                Vector512.FusedMultiplyAdd(dy, Vector512.Load(weight + j), Vector512.FusedMultiplyAdd(v, shifts, Vector512.Load(inputGradient + j))).Store(inputGradient + j);
            }

            for (; j < width; j++)
            {
                var dy = gradient[j] * scale;
                weightGradient[j] += dy * x[j];
                inputGradient[j] += (dy * weight[j]) - (x[j] * shift);
            }
        }
    }

    /// <summary>Sum of a b.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Dot(float* a, float* b, int width)
    {
        var (even, odd) = (Vector512<float>.Zero, Vector512<float>.Zero);
        var j = 0;
        for (; j + (2 * Lanes) <= width; j += 2 * Lanes)
        {
            even = Vector512.FusedMultiplyAdd(Vector512.Load(a + j), Vector512.Load(b + j), even);
            odd = Vector512.FusedMultiplyAdd(Vector512.Load(a + j + Lanes), Vector512.Load(b + j + Lanes), odd);
        }

        for (; j + Lanes <= width; j += Lanes)
        {
            even = Vector512.FusedMultiplyAdd(Vector512.Load(a + j), Vector512.Load(b + j), even);
        }

        var sum = Vector512.Sum(even + odd);
        for (; j < width; j++)
        {
            sum += a[j] * b[j];
        }

        return sum;
    }

    /// <summary>Sum of a b c.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float WeightedDot(float* a, float* b, float* c, int width)
    {
        var lanes = Vector512<float>.Zero;
        var j = 0;
        for (; j + Lanes <= width; j += Lanes)
        {
            lanes = Vector512.FusedMultiplyAdd(Vector512.Load(a + j) * Vector512.Load(b + j), Vector512.Load(c + j), lanes);
        }

        var sum = Vector512.Sum(lanes);
        for (; j < width; j++)
        {
            sum += a[j] * b[j] * c[j];
        }

        return sum;
    }
}
