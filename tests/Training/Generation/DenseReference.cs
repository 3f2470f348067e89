using System.Runtime.InteropServices;
using Axpo.Core;
using Axpo.Training.Models;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Generation;

/// <summary>
/// One sequence, its KV in plain lists, attention and sampling in doubles: what the engine should do. Every token is computed under the weights that are named for it.
/// </summary>
internal sealed class DenseReference(IReadOnlyList<Decoder> weights)
{
    private readonly List<(int Token, int Weights)> _computed = [];
    private readonly List<float[]> _hidden = [];
    private readonly List<(float[] K, float[] V)>[] _kv = [.. Enumerable.Range(0, weights[0].Config.Layers).Select(_ => new List<(float[], float[])>())];

    /// <summary>What the next token's distribution is.</summary>
    /// <param name="Best">The token that keyed Gumbel-max chooses.</param>
    /// <param name="Gap">How close another came: the noised top-2 gap, or the distance to being cut otherwise.</param>
    /// <param name="LogProbs">Log-prob of each token; negative infinity: cut.</param>
    public sealed record Draw(int Best, double Gap, double[] LogProbs);

    /// <param name="context">Tokens so far.</param>
    /// <param name="versions">Weights of each.</param>
    /// <param name="head">Weights of the head.</param>
    /// <param name="sampling">How to sample.</param>
    /// <param name="chance">The sequence's key.</param>
    public Draw Next(IReadOnlyList<int> context, IReadOnlyList<int> versions, int head, SamplingOptions sampling, ChanceKey chance)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        Compute(context, versions);
        var row = weights[head].Logits(tensor(_hidden[context.Count - 1], 1, weights[head].Config.HiddenSize));
        return Choose([.. MemoryMarshal.Cast<byte, float>(row.bytes).ToArray().Select(x => (double)x)], sampling, chance, context.Count);
    }

    private static Draw Choose(double[] logits, SamplingOptions sampling, ChanceKey chance, int position)
    {
        var order = Enumerable.Range(0, logits.Length).OrderByDescending(t => logits[t]).ToArray();
        if (sampling.Temperature == 0)
        {
            return new Draw(order[0], logits[order[0]] - logits[order[1]], [.. logits.Select((_, t) => t == order[0] ? 0 : double.NegativeInfinity)]);
        }

        var gap = double.PositiveInfinity;
        var kept = logits.Length;
        if (sampling.TopK > 0 && sampling.TopK < kept)
        {
            kept = sampling.TopK;
            gap = logits[order[kept - 1]] - logits[order[kept]];
        }

        var weight = order.Select(t => Math.Exp((logits[t] - logits[order[0]]) / sampling.Temperature)).ToArray();
        if (sampling.TopP < 1)
        {
            var (total, sum, n) = (weight.Take(kept).Sum(), 0.0, 0);
            while (n < kept && sum < sampling.TopP * total)
            {
                sum += weight[n++];
                gap = Math.Min(gap, Math.Abs((sum / total) - sampling.TopP));
            }

            // Which of two equals is cut is chance.
            gap = n < kept ? Math.Min(gap, logits[order[n - 1]] - logits[order[n]]) : gap;
            kept = n;
        }

        var norm = Math.Log(weight.Take(kept).Sum());
        var logProbs = Enumerable.Repeat(double.NegativeInfinity, logits.Length).ToArray();
        foreach (var t in order.Take(kept))
        {
            logProbs[t] = ((logits[t] - logits[order[0]]) / sampling.Temperature) - norm;
        }

        var race = order.Take(kept).Select(t => (Token: t, Score: logProbs[t] + chance.Gumbel((uint)position, (uint)t))).OrderByDescending(r => r.Score).Take(2).ToArray();
        return new Draw(race[0].Token, race.Length == 1 ? gap : Math.Min(gap, race[0].Score - race[1].Score), logProbs);
    }

    private void Compute(IReadOnlyList<int> context, IReadOnlyList<int> versions)
    {
        var same = 0;
        while (same < Math.Min(_computed.Count, context.Count) && _computed[same] == (context[same], versions[same]))
        {
            same++;
        }

        foreach (var layer in _kv)
        {
            layer.RemoveRange(same, layer.Count - same);
        }

        _computed.RemoveRange(same, _computed.Count - same);
        _hidden.RemoveRange(same, _hidden.Count - same);
        while (_computed.Count < context.Count)
        {
            var first = _computed.Count;
            var end = first + 1;
            while (end < context.Count && versions[end] == versions[first])
            {
                end++;
            }

            var decoder = weights[versions[first]];
            var rows = decoder.Forward(tensor([.. Enumerable.Range(first, end - first).Select(i => (long)context[i])]), arange(first, end, ScalarType.Int64), Attend);
            var width = decoder.Config.HiddenSize;
            var values = MemoryMarshal.Cast<byte, float>(rows.contiguous().bytes);
            for (var i = first; i < end; i++)
            {
                _hidden.Add(values.Slice((i - first) * width, width).ToArray());
                _computed.Add((context[i], versions[i]));
            }
        }
    }

    private Tensor Attend(int layer, Tensor q, Tensor k, Tensor v)
    {
        var (rows, heads, width) = ((int)q.shape[0], (int)q.shape[1], (int)q.shape[2]);
        var kvHeads = (int)k.shape[1];
        float[] queries = Floats(q), keys = Floats(k), values = Floats(v);
        var output = new float[queries.Length];
        var kv = _kv[layer];
        for (var row = 0; row < rows; row++)
        {
            kv.Add((keys[(row * kvHeads * width)..((row + 1) * kvHeads * width)], values[(row * kvHeads * width)..((row + 1) * kvHeads * width)]));
            for (var head = 0; head < heads; head++)
            {
                var (at, from) = (((row * heads) + head) * width, head / (heads / kvHeads) * width);
                var scores = new double[kv.Count];
                for (var t = 0; t < kv.Count; t++)
                {
                    for (var d = 0; d < width; d++)
                    {
                        scores[t] += queries[at + d] * (double)kv[t].K[from + d];
                    }

                    scores[t] /= Math.Sqrt(width);
                }

                var most = scores.Max();
                var total = scores.Sum(s => Math.Exp(s - most));
                for (var d = 0; d < width; d++)
                {
                    var sum = 0.0;
                    for (var t = 0; t < kv.Count; t++)
                    {
                        sum += Math.Exp(scores[t] - most) / total * kv[t].V[from + d];
                    }

                    output[at + d] = (float)sum;
                }
            }
        }

        return tensor(output, rows, heads, width);
    }

    private static float[] Floats(Tensor tensor) => MemoryMarshal.Cast<byte, float>(tensor.contiguous().bytes).ToArray();
}
