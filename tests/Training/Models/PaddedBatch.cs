using Axpo.Training.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Models;

/// <summary>The rows of a padded batch, unpadded and end to end.</summary>
internal sealed class PaddedBatch
{
    private readonly Tensor? _lossMask;

    public PaddedBatch(Dictionary<string, Tensor> cases, string side)
    {
        var mask = cases[side + ".attention_mask"];
        var ids = new List<Tensor>();
        var loss = new List<Tensor>();
        var at = 0;
        for (var row = 0; row < mask.shape[0]; row++)
        {
            var kept = ModelParityTests.Longs(mask[row]);
            var start = Array.IndexOf(kept, 1L);
            var length = (int)kept.Sum();
            ids.Add(cases[side + ".input_ids"][row].narrow(0, start, length));
            if (cases.TryGetValue(side + ".loss_mask", out var lossMask))
            {
                loss.Add(lossMask[row].narrow(0, start, length));
            }

            Rows.Add((row, start, at, length));
            at += length;
        }

        Ids = cat(ids);
        _lossMask = loss.Count > 0 ? cat(loss) : null;
    }

    public Tensor Ids { get; }

    public List<(int Row, int Start, int Begin, int Length)> Rows { get; } = [];

    public Tensor Forward(Decoder model) => model.Forward(
        Ids, cat(Rows.Select(r => arange(r.Length, ScalarType.Int64)).ToArray()), CausalAttention.Packed([.. Rows.Select(r => r.Length)], model.Config));

    public Tensor Nll(Tensor logits, out long tokens)
    {
        var sum = zeros([]);
        tokens = 0;
        foreach (var (_, _, begin, length) in Rows)
        {
            var mask = _lossMask!.narrow(0, begin + 1, length - 1);
            sum = sum - (ModelParityTests.LogProbs(logits.narrow(0, begin, length), Ids.narrow(0, begin, length)) * mask).sum();
            tokens += mask.sum().ToInt64();
        }

        return sum / tokens;
    }
}
