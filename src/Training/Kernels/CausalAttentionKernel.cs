using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Axpo.Training.Kernels;

/// <summary>
/// Causal attention of whole sequences in float32, head by head, four queries at a time; keys after a query are not computed. The backward pass makes the weights again from the logarithm of their sum (Dao et al. 2022),
/// so nothing that grows with the square of a length is kept. A sequence's bits do not depend on its neighbours.
/// </summary>
/// <param name="heads">Query heads.</param>
/// <param name="kvHeads">Heads of keys and values, each shared by as many query heads.</param>
/// <param name="depth">Width of a head.</param>
internal readonly unsafe struct CausalAttentionKernel(int heads, int kvHeads, int depth)
{
    private const int Rows = AttentionTile.Rows;
    private const int Lanes = AttentionTile.Lanes;

    private readonly int _width = Round(depth);
    private readonly float _scale = 1f / MathF.Sqrt(depth);

    /// <summary>Elements of memory that a call needs beside its arguments.</summary>
    /// <param name="length">Tokens of the longest sequence.</param>
    public long Scratch(int length) => (8L * Round(length) * _width) + (2L * Rows * Round(length));

    /// <summary>softmax(q k^T / sqrt(depth)) v of a sequence.</summary>
    /// <param name="length">Tokens.</param>
    /// <param name="q">[length, heads, depth].</param>
    /// <param name="k">[length, kvHeads, depth].</param>
    /// <param name="v">[length, kvHeads, depth].</param>
    /// <param name="output">[length, heads, depth].</param>
    /// <param name="logSums">Logarithm of the sum of the weights [length, heads].</param>
    /// <param name="scratch">As much as <see cref="Scratch"/> says.</param>
    public void Forward(int length, float* q, float* k, float* v, float* output, float* logSums, float* scratch)
    {
        var (stride, group) = (Round(length), heads / kvHeads);
        var size = stride * _width;
        float* keys = scratch, values = keys + size, queries = values + size, mixed = queries + size, weights = mixed + size;
        for (var head = 0; head < heads; head++)
        {
            if (head % group == 0)
            {
                PackColumns(k + (head / group * depth), kvHeads, length, stride, keys);
                PackRows(v + (head / group * depth), kvHeads, length, stride, values);
            }

            PackRows(q + (head * depth), heads, length, stride, queries);
            for (var first = 0; first < length; first += Rows)
            {
                AttentionTile.Scores(queries + (first * _width), _width, keys, depth, stride, Round(first + Rows), weights);
                for (var row = 0; row < Rows; row++)
                {
                    var logSum = Softmax(weights + (row * stride), first + row + 1, Round(first + Rows));
                    if (first + row < length)
                    {
                        logSums[((first + row) * heads) + head] = logSum;
                    }
                }

                AttentionTile.Mix(weights, stride, values, Math.Min(first + Rows, length), _width, mixed + (first * _width));
            }

            UnpackRows(mixed, output + (head * depth), heads, length);
        }
    }

    /// <summary>Takes the gradient of a sequence's output to queries, keys and values.</summary>
    /// <param name="length">Tokens.</param>
    /// <param name="q">[length, heads, depth].</param>
    /// <param name="k">[length, kvHeads, depth].</param>
    /// <param name="v">[length, kvHeads, depth].</param>
    /// <param name="output">[length, heads, depth], as <see cref="Forward"/> left it.</param>
    /// <param name="logSums">[length, heads], as <see cref="Forward"/> left it.</param>
    /// <param name="gradient">Of the output [length, heads, depth].</param>
    /// <param name="qGradient">[length, heads, depth], overwritten.</param>
    /// <param name="kGradient">[length, kvHeads, depth], overwritten.</param>
    /// <param name="vGradient">[length, kvHeads, depth], overwritten.</param>
    /// <param name="scratch">As much as <see cref="Scratch"/> says.</param>
    public void Backward(int length, float* q, float* k, float* v, float* output, float* logSums, float* gradient, float* qGradient, float* kGradient, float* vGradient, float* scratch)
    {
        var (stride, group) = (Round(length), heads / kvHeads);
        var size = stride * _width;
        float* keys = scratch, keyColumns = keys + size, valueColumns = keyColumns + size, keySums = valueColumns + size, valueSums = keySums + size;
        float* queries = valueSums + size, outer = queries + size, mixed = outer + size, weights = mixed + size, slopes = weights + (Rows * stride);
        for (var head = 0; head < heads; head++)
        {
            if (head % group == 0)
            {
                PackRows(k + (head / group * depth), kvHeads, length, stride, keys);
                PackColumns(k + (head / group * depth), kvHeads, length, stride, keyColumns);
                PackColumns(v + (head / group * depth), kvHeads, length, stride, valueColumns);
                new Span<float>(keySums, 2 * size).Clear();
            }

            PackRows(q + (head * depth), heads, length, stride, queries);
            PackRows(gradient + (head * depth), heads, length, stride, outer);
            for (var first = 0; first < length; first += Rows)
            {
                var (columns, count, at) = (Round(first + Rows), Math.Min(first + Rows, length), first * _width);
                AttentionTile.Scores(queries + at, _width, keyColumns, depth, stride, columns, weights);
                AttentionTile.Scores(outer + at, _width, valueColumns, depth, stride, columns, slopes);
                for (var row = 0; row < Rows; row++)
                {
                    // A row beyond the sequence has no gradient: whatever its weights are, they add nothing.
                    var place = ((Math.Min(first + row, length - 1) * heads) + head);
                    var delta = RmsNormKernel.Dot(outer + at + (row * _width), output + (place * (long)depth), first + row < length ? depth : 0);
                    Slopes(weights + (row * stride), slopes + (row * stride), first + row < length ? first + row + 1 : 0, columns, logSums[place], delta);
                }

                AttentionTile.Mix(slopes, stride, keys, count, _width, mixed + at);
                AttentionTile.Spread(slopes, stride, queries + at, count, _width, keySums);
                AttentionTile.Spread(weights, stride, outer + at, count, _width, valueSums);
            }

            UnpackRows(mixed, qGradient + (head * depth), heads, length);
            if (head % group == group - 1)
            {
                UnpackRows(keySums, kGradient + (head / group * depth), kvHeads, length);
                UnpackRows(valueSums, vGradient + (head / group * depth), kvHeads, length);
            }
        }
    }

    private static int Round(int count) => (count + Lanes - 1) / Lanes * Lanes;

    /// <summary>Replaces the first scores by their softmax and the others by 0; returns the logarithm of the sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private float Softmax(float* scores, int count, int columns)
    {
        var scale = Vector512.Create(_scale);
        var most = Vector512.Create(float.NegativeInfinity);
        for (var at = 0; at < columns; at += Lanes)
        {
            var score = Vector512.ConditionalSelect(Before(count - at), Vector512.Load(scores + at) * scale, Vector512.Create(float.NegativeInfinity));
            score.Store(scores + at);
            most = Vector512.Max(most, score);
        }

        var largest = LaneMath.Largest(most);
        var shift = Vector512.Create(largest);
        var sums = Vector512<float>.Zero;
        for (var at = 0; at < columns; at += Lanes)
        {
            var weight = LaneMath.Exp(Vector512.Load(scores + at) - shift);
            weight.Store(scores + at);
            sums += weight;
        }

        var sum = Vector512.Sum(sums);
        var inverse = Vector512.Create(1f / sum);
        for (var at = 0; at < columns; at += Lanes)
        {
            (Vector512.Load(scores + at) * inverse).Store(scores + at);
        }

        return largest + MathF.Log(sum);
    }

    /// <summary>Replaces scores by weights, and gradients of the weights by those of the scores; 0 beyond the first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Slopes(float* scores, float* gradients, int count, int columns, float logSum, float delta)
    {
        var (scale, shift, mean) = (Vector512.Create(_scale), Vector512.Create(-logSum), Vector512.Create(delta));
        for (var at = 0; at < columns; at += Lanes)
        {
            var weight = Vector512.ConditionalSelect(Before(count - at), LaneMath.Exp(Vector512.FusedMultiplyAdd(Vector512.Load(scores + at), scale, shift)), Vector512<float>.Zero);
            weight.Store(scores + at);
            (weight * (Vector512.Load(gradients + at) - mean) * scale).Store(gradients + at);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Before(int count) => Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(count)).AsSingle();

    /// <summary>Rows of one head [length, depth] of every so many, filled up to [stride, width] by zeros.</summary>
    private void PackRows(float* from, int every, int length, int stride, float* to)
    {
        for (var t = 0; t < length; t++)
        {
            new ReadOnlySpan<float>(from + ((long)t * every * depth), depth).CopyTo(new Span<float>(to, depth));
            new Span<float>(to + depth, _width - depth).Clear();
            to += _width;
        }

        new Span<float>(to, (stride - length) * _width).Clear();
    }

    /// <summary>The same, turned: [depth, stride].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void PackColumns(float* from, int every, int length, int stride, float* to)
    {
        for (var t = 0; t < stride; t++)
        {
            var row = from + ((long)t * every * depth);
            for (var d = 0; d < depth; d++)
            {
                to[(d * stride) + t] = t < length ? row[d] : 0;
            }
        }
    }

    private void UnpackRows(float* from, float* to, int every, int length)
    {
        for (var t = 0; t < length; t++)
        {
            new ReadOnlySpan<float>(from + (t * _width), depth).CopyTo(new Span<float>(to + ((long)t * every * depth), depth));
        }
    }
}
