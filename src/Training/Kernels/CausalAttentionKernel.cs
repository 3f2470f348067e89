using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Axpo.Training.Kernels;

/// <summary>
/// Causal attention of whole sequences in float32, head by head, four queries at a time; keys after a query are not computed. The backward pass makes the weights again from the logarithm of their sum (Dao et al. 2022),
/// so nothing that grows with the square of a length is kept. A sequence's tokens stand in any rows, in which several sequences may share their first ones: queries are computed of the others only. A sequence's bits do not
/// depend on its neighbours.
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
    /// <param name="rows">Row of each token [length].</param>
    /// <param name="length">Tokens.</param>
    /// <param name="skip">First tokens whose queries belong to another sequence.</param>
    /// <param name="q">[n, heads, depth].</param>
    /// <param name="k">[n, kvHeads, depth].</param>
    /// <param name="v">[n, kvHeads, depth].</param>
    /// <param name="output">[n, heads, depth]; the rows of the sequence's own queries are written.</param>
    /// <param name="logSums">Logarithm of the sum of the weights [n, heads]; the same rows.</param>
    /// <param name="scratch">As much as <see cref="Scratch"/> says.</param>
    public void Forward(int* rows, int length, int skip, float* q, float* k, float* v, float* output, float* logSums, float* scratch)
    {
        var (stride, group) = (Round(length), heads / kvHeads);
        var size = stride * _width;
        float* keys = scratch, values = keys + size, queries = values + size, mixed = queries + size, weights = mixed + size;
        for (var head = 0; head < heads; head++)
        {
            if (head % group == 0)
            {
                PackColumns(k + (head / group * depth), kvHeads, rows, length, stride, keys);
                PackRows(v + (head / group * depth), kvHeads, rows, length, stride, values);
            }

            PackRows(q + (head * depth), heads, rows + skip, length - skip, stride, queries);
            for (var first = skip; first < length; first += Rows)
            {
                var (columns, at) = (Math.Min(Round(first + Rows), stride), (first - skip) * _width);
                AttentionTile.Multiply(queries + at, _width, keys, depth, stride, columns, weights);
                for (var row = 0; row < Rows; row++)
                {
                    var logSum = Softmax(weights + (row * stride), first + row + 1, columns);
                    if (first + row < length)
                    {
                        logSums[((long)rows[first + row] * heads) + head] = logSum;
                    }
                }

                AttentionTile.Multiply(weights, stride, values, Math.Min(first + Rows, length), _width, _width, mixed + at);
            }

            UnpackRows(mixed, rows + skip, length - skip, output + (head * depth), heads);
        }
    }

    /// <summary>Takes the gradient of the output of a sequence's own queries to queries, keys and values.</summary>
    /// <param name="rows">Row of each token [length].</param>
    /// <param name="length">Tokens.</param>
    /// <param name="skip">First tokens whose queries belong to another sequence.</param>
    /// <param name="q">[n, heads, depth].</param>
    /// <param name="k">[n, kvHeads, depth].</param>
    /// <param name="v">[n, kvHeads, depth].</param>
    /// <param name="output">[n, heads, depth], as <see cref="Forward"/> left it.</param>
    /// <param name="logSums">[n, heads], as <see cref="Forward"/> left it.</param>
    /// <param name="gradient">Of the output [n, heads, depth].</param>
    /// <param name="qGradient">[n, heads, depth]; the rows of the sequence's own queries are written.</param>
    /// <param name="kGradient">[n, kvHeads, depth], added to.</param>
    /// <param name="vGradient">[n, kvHeads, depth], added to.</param>
    /// <param name="scratch">As much as <see cref="Scratch"/> says.</param>
    public void Backward(int* rows, int length, int skip, float* q, float* k, float* v, float* output, float* logSums, float* gradient, float* qGradient, float* kGradient, float* vGradient, float* scratch)
    {
        var (stride, group) = (Round(length), heads / kvHeads);
        var size = stride * _width;
        float* keys = scratch, keyColumns = keys + size, valueColumns = keyColumns + size, keySums = valueColumns + size, valueSums = keySums + size;
        float* queries = valueSums + size, outer = queries + size, mixed = outer + size, weights = mixed + size, slopes = weights + (Rows * stride);
        for (var head = 0; head < heads; head++)
        {
            if (head % group == 0)
            {
                PackRows(k + (head / group * depth), kvHeads, rows, length, stride, keys);
                PackColumns(k + (head / group * depth), kvHeads, rows, length, stride, keyColumns);
                PackColumns(v + (head / group * depth), kvHeads, rows, length, stride, valueColumns);
                new Span<float>(keySums, 2 * size).Clear();
            }

            PackRows(q + (head * depth), heads, rows + skip, length - skip, stride, queries);
            PackRows(gradient + (head * depth), heads, rows + skip, length - skip, stride, outer);
            for (var first = skip; first < length; first += Rows)
            {
                var (columns, count, at) = (Math.Min(Round(first + Rows), stride), Math.Min(first + Rows, length), (first - skip) * _width);
                AttentionTile.Multiply(queries + at, _width, keyColumns, depth, stride, columns, weights);
                AttentionTile.Multiply(outer + at, _width, valueColumns, depth, stride, columns, slopes);
                for (var row = 0; row < Rows; row++)
                {
                    // A row beyond the sequence has no gradient: whatever its weights are, they add nothing.
                    var place = ((long)rows[Math.Min(first + row, length - 1)] * heads) + head;
                    var delta = RmsNormKernel.Dot(outer + at + (row * _width), output + (place * depth), first + row < length ? depth : 0);
                    Slopes(weights + (row * stride), slopes + (row * stride), first + row < length ? first + row + 1 : 0, columns, logSums[place], delta);
                }

                AttentionTile.Multiply(slopes, stride, keys, count, _width, _width, mixed + at);
                AttentionTile.Spread(slopes, stride, queries + at, count, _width, keySums);
                AttentionTile.Spread(weights, stride, outer + at, count, _width, valueSums);
            }

            UnpackRows(mixed, rows + skip, length - skip, qGradient + (head * depth), heads);
            if (head % group == group - 1)
            {
                AddRows(keySums, rows, length, kGradient + (head / group * depth), kvHeads);
                AddRows(valueSums, rows, length, vGradient + (head / group * depth), kvHeads);
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

    /// <summary>Rows of one head of every so many, filled up to [stride, width] by zeros.</summary>
    private void PackRows(float* from, int every, int* rows, int length, int stride, float* to)
    {
        for (var t = 0; t < length; t++)
        {
            new ReadOnlySpan<float>(from + ((long)rows[t] * every * depth), depth).CopyTo(new Span<float>(to, depth));
            new Span<float>(to + depth, _width - depth).Clear();
            to += _width;
        }

        new Span<float>(to, (stride - length) * _width).Clear();
    }

    /// <summary>The same, turned: [depth, stride].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void PackColumns(float* from, int every, int* rows, int length, int stride, float* to)
    {
        for (var t = 0; t < length; t++)
        {
            var row = from + ((long)rows[t] * every * depth);
            for (var d = 0; d < depth; d++)
            {
                to[(d * stride) + t] = row[d];
            }
        }

        for (var d = 0; d < depth; d++)
        {
            new Span<float>(to + (d * stride) + length, stride - length).Clear();
        }
    }

    private void UnpackRows(float* from, int* rows, int length, float* to, int every)
    {
        for (var t = 0; t < length; t++)
        {
            new ReadOnlySpan<float>(from + (t * _width), depth).CopyTo(new Span<float>(to + ((long)rows[t] * every * depth), depth));
        }
    }

    private void AddRows(float* from, int* rows, int length, float* to, int every)
    {
        for (var t = 0; t < length; t++)
        {
            RowSums.Add(from + (t * _width), to + ((long)rows[t] * every * depth), depth);
        }
    }
}
