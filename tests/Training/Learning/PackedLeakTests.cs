using Axpo.Training.Learning;
using Axpo.Training.Models;
using Shouldly;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Learning;

/// <summary>What stands in one sequence of a pack never reaches another: not in its log-probs, and not in the gradient of a loss on the others.</summary>
public sealed class PackedLeakTests(TinyModel model) : IClassFixture<TinyModel>
{
    // Of equal length (one attention call), and of others.
    private static readonly int[] Lengths = [12, 12, 12, 7, 19, 7, 3];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_neighbours_tokens_change_neither_log_probs_nor_gradients(bool checkpointing)
    {
        using var scope = NewDisposeScope();
        using var decoder = Decoder.Load(model.Folder);
        foreach (var (_, value) in decoder.Parameters)
        {
            value.requires_grad_(true);
        }

        var sequences = Lengths.Select((length, i) => Tokens(length, i)).ToArray();
        for (var neighbour = 0; neighbour < sequences.Length; neighbour++)
        {
            var others = Enumerable.Range(0, sequences.Length).Where(i => i != neighbour).ToArray();
            var changed = sequences.ToArray();
            changed[neighbour] = Tokens(Lengths[neighbour], 100 + neighbour);
            var (logProbs, gradients) = Packed(decoder, sequences, others, checkpointing);
            var (same, sameGradients) = Packed(decoder, changed, others, checkpointing);
            same.ShouldBe(logProbs);
            foreach (var (name, gradient) in gradients)
            {
                Far(sameGradients[name], gradient).ShouldBeLessThanOrEqualTo(1e-7, name);
            }

            // One by one.
            var (alone, sums) = (new List<float>(), new Dictionary<string, Tensor>(StringComparer.Ordinal));
            foreach (var other in others)
            {
                var (own, ownGradients) = Packed(decoder, [sequences[other]], [0], checkpointing);
                alone.AddRange(own);
                foreach (var (name, gradient) in ownGradients)
                {
                    sums[name] = sums.TryGetValue(name, out var sum) ? sum.add(gradient, 1) : gradient;
                }
            }

            logProbs.Zip(alone).ShouldAllBe(p => Math.Abs(p.First - p.Second) < 1e-5);
            foreach (var (name, gradient) in gradients)
            {
                Far(gradient, sums[name]).ShouldBeLessThanOrEqualTo(1e-5, name);
            }
        }
    }

    [Fact]
    public void An_attention_over_the_whole_pack_would_leak()
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        using var decoder = Decoder.Load(model.Folder);
        var pack = new PackedBatch([Tokens(9, 1), Tokens(9, 2)], CPU);
        var changed = new PackedBatch([Tokens(9, 3), Tokens(9, 2)], CPU);
        Tail(pack, CausalAttention.Packed([9, 9], decoder.Config)).ShouldBe(Tail(changed, CausalAttention.Packed([9, 9], decoder.Config)));
        Tail(pack, CausalAttention.Packed([18], decoder.Config)).ShouldNotBe(Tail(changed, CausalAttention.Packed([18], decoder.Config)));

        float[] Tail(PackedBatch of, AttentionKernel attention) => decoder.Forward(of.Ids, of.Positions, attention).narrow(0, 9, 9).data<float>().ToArray();
    }

    private static double Far(Tensor got, Tensor want) => (got - want).norm().ToDouble() / Math.Max(1e-12, want.norm().ToDouble());

    /// <summary>Log-probs of every token but the first of some sequences of a pack, and the gradients of a weighted sum of them.</summary>
    private static (float[] LogProbs, Dictionary<string, Tensor> Gradients) Packed(Decoder decoder, int[][] sequences, int[] wanted, bool checkpointing)
    {
        var pack = new PackedBatch(sequences, CPU);
        var chosen = tensor(wanted.SelectMany(i => Enumerable.Range(1, sequences[i].Length - 1).Select(t => (long)pack.RowOf(i, t))).ToArray());
        var weights = tensor(wanted.SelectMany(i => Enumerable.Range(1, sequences[i].Length - 1).Select(t => (float)Math.Sin((sequences[i][t] * 3) + t))).ToArray());
        var pass = new PolicyPass(decoder, pack, chosen, 1, checkpointing: checkpointing);
        (pass.LogProbs * weights).sum().backward();
        pass.Backward();
        var gradients = decoder.Parameters.ToDictionary(p => p.Name, p => p.Value.grad!.clone(), StringComparer.Ordinal);
        foreach (var (_, value) in decoder.Parameters)
        {
            value.grad = null;
        }

        return (pass.LogProbs.detach().data<float>().ToArray(), gradients);
    }

    private int[] Tokens(int length, int seed)
    {
        var chance = Core.ChanceKey.Root((ulong)seed).With("leak").Stream();
        return [.. Enumerable.Range(0, length).Select(_ => chance.Next(model.Tokenizer.Size))];
    }
}
