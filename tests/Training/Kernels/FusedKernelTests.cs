using Axpo.Training.Kernels;
using Axpo.Training.Learning;
using Axpo.Training.Models;
using Axpo.Training.Models.Lora;
using Axpo.Training.Native;
using Shouldly;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Kernels;

/// <summary>Kernels and backward passes written by hand against autograd's composite: values and gradients.</summary>
public sealed class FusedKernelTests
{
    private const double Bound = 1e-5;

    public FusedKernelTests() => LibtorchLoader.EnsureLoaded();

    [Theory]
    [InlineData(5, 128)]
    [InlineData(3, 16)]
    [InlineData(7, 45)]
    [InlineData(1, 1)]
    public void Rms_norm(int rows, int width)
    {
        using var scope = NewDisposeScope();
        var (x, weight, upstream) = (Leaf(1, rows, width), Leaf(2, width), Random(3, rows, width));
        var want = Aten.RmsNorm(x, weight, 1e-3);
        want.backward([upstream]);
        using var guard = no_grad();
        var (own, ownWeight, inputGradient) = (x.detach(), weight.detach().requires_grad_(true), Random(4, rows, width));
        var before = inputGradient.clone();
        var (got, inverse) = FusedLayer.Normalise(own, ownWeight, 1e-3);
        FusedLayer.NormaliseBackward(upstream, own, ownWeight, inverse, inputGradient);
        Near(got, want);
        Near(inputGradient, before.add(x.grad!, 1));
        Near(ownWeight.grad!, weight.grad!);
    }

    [Theory]
    [InlineData(5, 4, 32)]
    [InlineData(3, 1, 128)]
    [InlineData(2, 3, 8)]
    [InlineData(4, 2, 42)]
    public unsafe void Norm_and_rope(int rows, int heads, int width)
    {
        using var scope = NewDisposeScope();
        var (x, weight, upstream) = (Leaf(1, rows, heads, width), Leaf(2, width), Random(3, rows, heads, width));
        var angles = Random(4, rows, width / 2);
        var (cos, sin) = (cat([angles.cos(), angles.cos()], -1), cat([angles.sin(), angles.sin()], -1));
        var want = Rope.Apply(Aten.RmsNorm(x, weight, 1e-6), cos.unsqueeze(1), sin.unsqueeze(1));
        want.backward([upstream]);
        using var guard = no_grad();
        var (own, got, inverse, ownWeight, gradient) = (x.detach(), empty_like(want), empty(rows, heads), zeros(width), upstream.clone());
        RotaryNormKernel.Forward(
            HostMemory.Floats(own), HostMemory.Floats(weight), 1e-6f, HostMemory.Floats(cos), HostMemory.Floats(sin), HostMemory.Floats(got), HostMemory.Floats(inverse), rows, heads, width);
        RotaryNormKernel.Backward(
            HostMemory.Floats(gradient), HostMemory.Floats(own), HostMemory.Floats(weight), HostMemory.Floats(inverse), HostMemory.Floats(cos), HostMemory.Floats(sin), HostMemory.Floats(ownWeight), rows, heads, width);
        Near(got, want);
        Near(gradient, x.grad!);
        Near(ownWeight, weight.grad!);
    }

    [Theory]
    [InlineData(3, 344)]
    [InlineData(5, 16)]
    [InlineData(2, 37)]
    [InlineData(4, 7)]
    public unsafe void Swiglu(int rows, int width)
    {
        using var scope = NewDisposeScope();
        var (gate, up, upstream) = ((Random(1, rows, width) * 20).requires_grad_(true), Leaf(2, rows, width), Random(3, rows, width));
        var want = nn.functional.silu(gate) * up;
        want.backward([upstream]);
        using var guard = no_grad();
        var (ownGate, ownUp, got) = (gate.detach().clone(), up.detach().clone(), empty_like(want));
        SwiGluKernel.Forward(HostMemory.Floats(ownGate), HostMemory.Floats(ownUp), HostMemory.Floats(got), rows, width);
        SwiGluKernel.Backward(HostMemory.Floats(upstream), HostMemory.Floats(ownGate), HostMemory.Floats(ownUp), ownGate.numel());
        Near(got, want);
        Near(ownGate, gate.grad!);
        Near(ownUp, up.grad!);
    }

    [Fact]
    public unsafe void Swiglu_of_what_is_far_from_zero_is_a_number()
    {
        using var scope = NewDisposeScope();
        var gate = tensor(Enumerable.Range(0, 16).Select(i => i % 2 == 0 ? 1e4f : -1e4f).ToArray());
        var (up, got) = (ones(16), empty(16));
        SwiGluKernel.Forward(HostMemory.Floats(gate), HostMemory.Floats(up), HostMemory.Floats(got), 1, 16);
        got.data<float>().ToArray().ShouldBe(Enumerable.Range(0, 16).Select(i => i % 2 == 0 ? 1e4f : 0f), 1e-20);
    }

    [Theory]
    [InlineData(new[] { 64, 64 }, 4, 4, 32)]
    [InlineData(new[] { 1, 2, 3, 4, 5 }, 4, 2, 8)]
    [InlineData(new[] { 37, 17, 16, 15 }, 6, 2, 24)]
    [InlineData(new[] { 130 }, 2, 1, 64)]
    public void Causal_attention(int[] lengths, int heads, int kvHeads, int depth)
    {
        using var scope = NewDisposeScope();
        var config = new DecoderConfig { VocabSize = 2, HiddenSize = 2, Layers = 1, Heads = heads, KvHeads = kvHeads, HeadDim = depth, IntermediateSize = 2 };
        var n = lengths.Sum();
        var (q, k, v, upstream) = ((Random(1, n, heads, depth) * 2).requires_grad_(true), Leaf(2, n, kvHeads, depth), Leaf(3, n, kvHeads, depth), Random(4, n, heads, depth));
        var want = CausalAttention.Packed(lengths, config)(0, q, k, v);
        want.backward([upstream]);
        using var guard = no_grad();
        var fused = new FusedAttention(SequencePath.EndToEnd(lengths), config);
        var (got, sums) = fused.Forward(q.detach(), k.detach(), v.detach());
        var gradients = fused.Backward(q.detach(), k.detach(), v.detach(), got, sums, upstream);
        Near(got, want);
        Near(gradients.Q, q.grad!);
        Near(gradients.K, k.grad!);
        Near(gradients.V, v.grad!);
        Should.Throw<ArgumentException>(() => fused.Forward(q.detach().narrow(0, 0, n - 1), k, v));
    }

    [Theory]
    [InlineData(9, 1_247, 1.0, EntropyUse.None)]
    [InlineData(9, 1_247, .7, EntropyUse.Gradient)]
    [InlineData(5, 11, 1.3, EntropyUse.Gradient)]
    [InlineData(1_700, 20_000, .9, EntropyUse.Value)]
    public void Head(int rows, int vocabulary, double temperature, EntropyUse use)
    {
        using var scope = NewDisposeScope();
        var targets = randint(vocabulary, [rows], generator: new Generator(5));
        var (hidden, upstream, weight, ownWeight) = (Random(1, rows, 8), Random(2, rows), Leaf(3, vocabulary, 8), Leaf(3, vocabulary, 8));
        var want = new HeadPass(h => nn.functional.linear(h, weight), vocabulary, hidden, targets, temperature, use);
        var got = new FusedHeadPass(ownWeight, hidden, targets, temperature, use);
        var (wantGradient, gotGradient) = (Backward(want), Backward(got));
        Near(got.LogProbs, want.LogProbs);
        Near(gotGradient, wantGradient);
        Near(ownWeight.grad!, weight.grad!);
        (got.Entropies is null).ShouldBe(want.Entropies is null);
        if (got.Entropies is { } entropies)
        {
            Near(entropies, want.Entropies!);
        }

        Tensor Backward(IHeadPass pass)
        {
            var sum = (pass.LogProbs * upstream).sum();
            (use == EntropyUse.Gradient ? sum - (pass.Entropies! * upstream).sum() : sum).backward();
            return pass.Backward();
        }
    }

    [Theory]
    [InlineData("qwen3", 128, 2, 4, 4, 32, 344, 97)]
    [InlineData("qwen3", 48, 3, 6, 2, 10, 50, 33)]
    [InlineData("qwen2", 48, 2, 6, 2, 10, 50, 33)]
    [InlineData("llama", 64, 2, 4, 2, 34, 70, 33)]
    [InlineData("llama with biases", 48, 2, 3, 1, 16, 50, 33)]
    [InlineData("qwen2 with an adapter", 48, 2, 6, 2, 10, 50, 33)]
    public void Passes_of_a_decoder(string family, int hidden, int layers, int heads, int kvHeads, int depth, int intermediate, int vocabulary)
    {
        using var scope = NewDisposeScope();
        using var decoder = Decoder.Create(
            new DecoderConfig
            {
                VocabSize = vocabulary,
                HiddenSize = hidden,
                Layers = layers,
                Heads = heads,
                KvHeads = kvHeads,
                HeadDim = depth,
                IntermediateSize = intermediate,
                MaxPositions = 64,
                QkNorm = family == "qwen3",
                QkvBias = family is "qwen2" or "llama with biases" or "qwen2 with an adapter",
                OutputBias = family == "llama with biases",
                MlpBias = family == "llama with biases",
            },
            3);
        foreach (var (name, value) in decoder.Parameters)
        {
            if (name.EndsWith(".bias", StringComparison.Ordinal))
            {
                value.copy_(Random(9, value.shape) * .1);
            }

            value.requires_grad_(true);
        }

        if (family == "qwen2 with an adapter")
        {
            decoder.Attach(LoraAdapter.Create(new LoraShape { Rank = 3, Alpha = 6, Targets = ["q_proj", "v_proj", "o_proj", "up_proj", "down_proj"] }, decoder.Config, 1, CPU));
            foreach (var (_, value) in decoder.Trained)
            {
                value.copy_(Random(11, value.shape) * .1);
                value.requires_grad_(true);
            }
        }

        int[][] sequences = [.. new[] { 17, 33, 33, 5 }.Select((n, i) => Enumerable.Range(0, n).Select(t => ((t * 7) + (i * 11)) % vocabulary).ToArray())];
        var pack = new PackedBatch(sequences, CPU);
        var chosen = tensor(sequences.SelectMany((tokens, i) => Enumerable.Range(1, tokens.Length - 1).Where(t => t % 3 != 0).Select(t => (long)pack.RowOf(i, t))).ToArray());
        var upstream = Random(1, (int)chosen.shape[0]);

        // Autograd from end to end; no kernel of ours serves a pass that it records.
        var rows = pack.Forward(decoder).index_select(0, chosen.Plus(-1L));
        var want = decoder.Logits(rows).log_softmax(-1).gather(1, pack.Ids.index_select(0, chosen).unsqueeze(1)).squeeze(1);
        (want * upstream).sum().backward();
        var gradients = decoder.Trained.ToDictionary(p => p.Name, p => p.Value.grad!.clone(), StringComparer.Ordinal);
        foreach (var checkpointing in new[] { false, true })
        {
            foreach (var (_, value) in decoder.Trained)
            {
                value.grad = null;
            }

            var pass = new PolicyPass(decoder, pack, chosen, 1, EntropyUse.None, checkpointing);
            (pass.LogProbs * upstream).sum().backward();
            pass.Backward();
            Near(pass.LogProbs, want);
            foreach (var (name, value) in decoder.Trained)
            {
                Near(value.grad!, gradients[name], name);
            }
        }

        using var guard = no_grad();
        Near(new PolicyPass(decoder, pack, chosen, 1).LogProbs, want);
    }

    [Fact]
    public void A_rows_bits_do_not_depend_on_its_neighbours()
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var config = new DecoderConfig { VocabSize = 50, HiddenSize = 40, Layers = 1, Heads = 3, KvHeads = 1, HeadDim = 12, IntermediateSize = 30, MaxPositions = 64 };
        var (q, k, v) = (Random(1, 30, 3, 12), Random(2, 30, 1, 12), Random(3, 30, 1, 12));
        var (together, _) = new FusedAttention(SequencePath.EndToEnd([11, 19]), config).Forward(q, k, v);
        var (alone, _) = new FusedAttention(SequencePath.EndToEnd([19]), config).Forward(Last(q), Last(k), Last(v));
        alone.bytes.SequenceEqual(Last(together).bytes).ShouldBeTrue();
        var x = Random(4, 30, 40);
        FusedLayer.Normalise(Last(x), ones(40), 1e-6).Rows.bytes.SequenceEqual(Last(FusedLayer.Normalise(x, ones(40), 1e-6).Rows).bytes).ShouldBeTrue();

        static Tensor Last(Tensor of) => of.narrow(0, 11, 19);
    }

    [Fact]
    public void Memory_that_a_kernel_cannot_read_is_refused()
    {
        using var scope = NewDisposeScope();
        Should.Throw<InvalidOperationException>(() => Address(zeros(4, 4).t().narrow(0, 0, 2)));
        Should.Throw<InvalidOperationException>(() => Address(zeros(4, dtype: ScalarType.BFloat16)));

        static unsafe void Address(Tensor of) => HostMemory.Floats(of);
    }

    private static Tensor Random(int seed, params long[] shape) => randn(shape, generator: new Generator((ulong)seed));

    private static Tensor Leaf(int seed, params long[] shape) => Random(seed, shape).requires_grad_(true);

    private static void Near(Tensor got, Tensor want, string? name = null)
    {
        using var guard = no_grad();
        got.shape.ShouldBe(want.shape, name);
        var (difference, most) = ((got - want).norm().ToDouble(), Bound * Math.Max(1e-12, want.norm().ToDouble()));

        // A NaN is not below anything here.
        (difference <= most).ShouldBeTrue($"{name}: {difference} > {most}");
    }
}
