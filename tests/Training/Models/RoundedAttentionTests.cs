using Axpo.Training.Learning;
using Axpo.Training.Models;
using Shouldly;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Models;

/// <summary>Attention with lengths rounded up (what CUDA takes) against one call a length, on whichever device there is.</summary>
public sealed class RoundedAttentionTests
{
    [Theory]
    [InlineData(4)]
    [InlineData(16)]
    [InlineData(64)]
    public void Filling_sequences_up_changes_neither_hidden_states_nor_gradients(int step)
    {
        using var model = new TinyModel();
        using var decoder = Decoder.Load(model.Folder);
        foreach (var (_, value) in decoder.Parameters)
        {
            value.requires_grad_(true);
        }

        int[] lengths = [33, 32, 31, 17, 17, 16, 9, 5, 1];
        var (wantHidden, want) = Run(decoder, lengths, CausalAttention.Packed(lengths, decoder.Config));
        var (gotHidden, got) = Run(decoder, lengths, CausalAttention.Rounded(lengths, decoder.Config, step, decoder.Device));
        Fixtures.Difference(gotHidden, wantHidden).ShouldBeLessThan(1e-5);
        foreach (var (a, b) in got.Zip(want))
        {
            (a - b).norm().ToDouble().ShouldBeLessThan(1e-5 * Math.Max(1e-3, b.norm().ToDouble()));
        }
    }

    [Theory]
    [InlineData(1, new[] { 7, 5, 3 })]
    [InlineData(64, new[] { 10, 10, 10 })]
    public void Nothing_is_filled_up_where_it_saves_no_call(int step, int[] lengths)
    {
        using var model = new TinyModel();
        using var decoder = Decoder.Load(model.Folder);
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var rows = 0L;
        var kernel = CausalAttention.Rounded(lengths, decoder.Config, step, decoder.Device);
        var pack = Pack(lengths, decoder);
        decoder.Forward(pack.Ids, pack.Positions, (layer, q, k, v) =>
        {
            rows = q.shape[0];
            return kernel(layer, q, k, v);
        });
        rows.ShouldBe(lengths.Sum());
        Fixtures.Difference(decoder.Forward(pack.Ids, pack.Positions, kernel), decoder.Forward(pack.Ids, pack.Positions, CausalAttention.Packed(lengths, decoder.Config))).ShouldBe(0);
    }

    private static PackedBatch Pack(int[] lengths, Decoder decoder) =>
        new([.. lengths.Select((n, i) => Enumerable.Range(0, n).Select(t => ((t * 7) + i) % decoder.Config.VocabSize).ToArray())], decoder.Device);

    private static (Tensor Hidden, Tensor[] Gradients) Run(Decoder decoder, int[] lengths, AttentionKernel attention)
    {
        var pack = Pack(lengths, decoder);
        var hidden = decoder.Forward(pack.Ids, pack.Positions, attention);
        (hidden * hidden * hidden).sum().backward();
        var gradients = decoder.Parameters.Select(p => p.Value.grad!.clone()).ToArray();
        foreach (var (_, value) in decoder.Parameters)
        {
            value.grad = null;
        }

        return (hidden.detach(), gradients);
    }
}
