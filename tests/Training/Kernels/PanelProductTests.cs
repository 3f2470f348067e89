using Axpo.Training.Kernels;
using Axpo.Training.Models;
using Axpo.Training.Native;
using Axpo.Training.Threads;
using Shouldly;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Kernels;

/// <summary>Matrix products of our own against libtorch's.</summary>
public sealed class PanelProductTests
{
    private const double Bound = 1e-5;

    public PanelProductTests() => LibtorchLoader.EnsureLoaded();

    public static TheoryData<int, int, int> Layers()
    {
        var data = new TheoryData<int, int, int>();
        foreach (var rows in new[] { 1, 2, 3, 4, 7, 8, 13, 64, 71 })
        {
            foreach (var (inputs, outputs) in new[] { (1, 1), (5, 31), (16, 32), (33, 33), (40, 160), (128, 344) })
            {
                data.Add(rows, inputs, outputs);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Layers))]
    public void Packed_weights(int rows, int inputs, int outputs)
    {
        RequireLanes();
        using var scope = NewDisposeScope();
        var (x, w, addend, bias) = (Random(1, rows, inputs), Random(2, outputs, inputs), Random(3, rows, outputs), Random(4, outputs));
        using var packed = new PackedMatrix(w);
        var want = x.mm(w.t());
        Near(packed.Multiply(x), want);
        Near(packed.Multiply(x, addend), want + addend);
        Near(packed.Multiply(x, bias), want + bias);
    }

    [Theory]
    [MemberData(nameof(Layers))]
    [InlineData(5, 2_100, 33)]
    [InlineData(2_100, 33, 40)]
    [InlineData(3, 40, 2_100)]
    public void Passes_of_the_learner(int rows, int inputs, int outputs)
    {
        RequireLanes();
        using var scope = NewDisposeScope();
        var (x, w, dy, bias) = (Random(1, rows, inputs), Random(2, outputs, inputs), Random(3, rows, outputs), Random(4, outputs));
        var (forward, sums, back, weights) = (Unwritten(rows, outputs), dy.clone(), Unwritten(rows, inputs), Unwritten(outputs, inputs));
        PanelPass.Forward(x, w, null, forward);
        Near(forward, x.mm(w.t()));
        PanelPass.Forward(x, w, bias, forward);
        Near(forward, x.mm(w.t()) + bias);
        PanelPass.Forward(x, w, sums, sums);
        Near(sums, x.mm(w.t()) + dy);
        PanelPass.Back(dy, w, back, isSum: false);
        Near(back, dy.mm(w));
        PanelPass.Back(dy, w, back, isSum: true);
        Near(back, dy.mm(w) * 2);
        PanelPass.Gather(dy, x, weights, isSum: false);
        Near(weights, dy.t().mm(x));
        PanelPass.Gather(dy, x, weights, isSum: true);
        Near(weights, dy.t().mm(x) * 2);
    }

    [Theory]
    [InlineData(3, 40, 33)]
    [InlineData(80, 40, 33)]
    [InlineData(80, 40, 90)]
    public async Task Whoever_multiplies_the_product_is_the_same(int rows, int inputs, int outputs)
    {
        using var thread = new DeviceThread("products", 1);
        await thread.RunAsync(
            () =>
            {
                using var scope = NewDisposeScope();
                var (x, w, dy, bias) = (Random(1, rows, inputs), Random(2, outputs, inputs), Random(3, rows, outputs), Random(4, outputs));
                Near(HostProduct.Forward(x, w), x.mm(w.t()));
                Near(HostProduct.Forward(x, w, dy), x.mm(w.t()) + dy);
                Near(HostProduct.Forward(x, w, bias), x.mm(w.t()) + bias);
                Near(HostProduct.Back(dy, w), dy.mm(w));
                Near(HostProduct.Gather(dy, x), dy.t().mm(x));
                var (sums, inputSums, weightSums) = (dy.clone(), x.clone(), w.clone());
                HostProduct.AddForward(sums, x, w);
                HostProduct.AddBack(inputSums, dy, w);
                HostProduct.AddGather(weightSums, dy, x);
                Near(sums, dy + x.mm(w.t()));
                Near(inputSums, x + dy.mm(w));
                Near(weightSums, w + dy.t().mm(x));
                return true;
            },
            TestContext.Current.CancellationToken);
    }

    [Fact]
    public void A_sum_of_nothing_is_zero_or_the_addend()
    {
        RequireLanes();
        using var scope = NewDisposeScope();
        var (weights, sums, bias) = (Unwritten(5, 40), Random(1, 5, 40), Random(2, 40));
        PanelPass.Gather(empty(0, 5), empty(0, 40), weights, isSum: false);
        Near(weights, zeros(5, 40));
        var before = sums.clone();
        PanelPass.Gather(empty(0, 5), empty(0, 40), sums, isSum: true);
        Near(sums, before);
        PanelPass.Forward(empty(5, 0), empty(40, 0), bias, weights);
        Near(weights, bias.expand(5, 40));
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_refused()
    {
        RequireLanes();
        using var scope = NewDisposeScope();
        var (x, w) = (Random(1, 4, 40), Random(2, 64, 40));
        using var packed = new PackedMatrix(w);
        Should.Throw<ArgumentException>(() => packed.Multiply(Random(1, 4, 41))).Message.ShouldContain("[4, 41]");
        Should.Throw<ArgumentException>(() => packed.Multiply(x, zeros(63)));
        Should.Throw<ArgumentException>(() => packed.Multiply(x, zeros(3, 64)));
        Should.Throw<ArgumentException>(() => packed.MultiplyInto(x, 8, empty(4, 32)));
        Should.Throw<ArgumentException>(() => packed.MultiplyInto(x, 32, empty(4, 33)));
        Should.Throw<ArgumentException>(() => packed.MultiplyInto(x, 32, empty(3, 32)));
        Should.Throw<ArgumentException>(() => PanelPass.Forward(x, w, null, empty(4, 63)));
        Should.Throw<ArgumentException>(() => PanelPass.Forward(x, w, zeros(5, 64), empty(4, 64)));
        Should.Throw<ArgumentException>(() => PanelPass.Back(x, w, empty(4, 40), isSum: false));
        Should.Throw<ArgumentException>(() => PanelPass.Gather(Random(3, 5, 64), x, empty(64, 40), isSum: false));
    }

    [Fact]
    public unsafe void Memory_beyond_two_gibibytes_is_reached()
    {
        // Reserved, never touched but at its ends.
        using var scope = NewDisposeScope();
        var large = empty(3, 1L << 28);
        var last = HostMemory.Floats(large) + (3L << 28) - 1;
        *last = 7;
        large[2, -1].ToSingle().ShouldBe(7);
    }

    [Theory]
    [InlineData(128, 344)]
    [InlineData(50, 97)]
    public void A_rows_bits_do_not_depend_on_its_neighbours(int inputs, int outputs)
    {
        RequireLanes();
        using var scope = NewDisposeScope();
        var (x, addend) = (Random(1, 29, inputs), Random(2, 29, outputs));
        using var packed = new PackedMatrix(Random(3, outputs, inputs));
        var together = packed.Multiply(x, addend);
        foreach (var (first, count) in new[] { (0, 1), (28, 1), (3, 2), (5, 3), (7, 4), (2, 6), (11, 8), (1, 13), (4, 25) })
        {
            packed.Multiply(x.narrow(0, first, count), addend.narrow(0, first, count)).bytes.SequenceEqual(together.narrow(0, first, count).bytes).ShouldBeTrue($"rows {first} to {first + count - 1}");
        }
    }

    [Fact]
    public void Some_columns_are_those_of_all()
    {
        RequireLanes();
        using var scope = NewDisposeScope();
        var x = Random(1, 9, 40);
        using var packed = new PackedMatrix(Random(2, 150, 40));
        var part = Unwritten(9, 86);
        packed.MultiplyInto(x, 64, part);
        part.bytes.SequenceEqual(packed.Multiply(x).narrow(1, 64, 86).contiguous().bytes).ShouldBeTrue();
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.Float16)]
    [InlineData(ScalarType.BFloat16)]
    public void Rows_come_out_as_they_went_in(ScalarType type)
    {
        using var scope = NewDisposeScope();
        var w = Random(1, 301, 17).to(type);
        using var packed = new PackedMatrix(w);
        var ids = tensor(new long[] { 300, 0, 31, 32, 32, 127, 128 });
        packed.Rows(ids).bytes.SequenceEqual(w.index_select(0, ids).to(ScalarType.Float32).bytes).ShouldBeTrue();
        foreach (var id in new[] { -1L, 301 })
        {
            Should.Throw<ArgumentOutOfRangeException>(() => packed.Rows(tensor(new[] { 0, id }))).Message.ShouldContain("301");
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_packed_decoder_computes_what_the_plain_one_does(bool tied)
    {
        RequireLanes();
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var folder = Path.Combine(Directory.CreateTempSubdirectory("axpo-test-").FullName, "model");
        var config = new DecoderConfig
        {
            VocabSize = 97,
            HiddenSize = 48,
            Layers = 2,
            Heads = 4,
            KvHeads = 2,
            HeadDim = 12,
            IntermediateSize = 70,
            MaxPositions = 64,
            TieWordEmbeddings = tied,
            QkvBias = true,
            OutputBias = true,
        };
        using (var decoder = Decoder.Create(config, 1))
        {
            foreach (var (_, value) in decoder.Parameters.Where(p => p.Name.EndsWith(".bias", StringComparison.Ordinal)))
            {
                value.copy_(Random(5, value.shape));
            }

            decoder.Save(folder);
        }

        using var plain = Decoder.Load(folder);
        using var packed = Decoder.LoadPacked(folder);
        Directory.Delete(Path.GetDirectoryName(folder)!, recursive: true);
        (plain.IsPacked, packed.IsPacked).ShouldBe((false, true));
        var (ids, positions) = (tensor(new long[] { 3, 96, 0, 41, 41 }), arange(5L, ScalarType.Int64));
        var (want, got) = (plain.Forward(ids, positions, CausalAttention.Packed([5], config)), packed.Forward(ids, positions, CausalAttention.Packed([5], config)));
        Near(got, want);
        var logits = Unwritten(5, 65);
        packed.LogitsInto(logits, got, 32);
        Near(logits, plain.Logits(want).narrow(1, 32, 65));
    }

    private static void RequireLanes() => Assert.SkipUnless(PanelProduct.IsSupported, "the processor does not compute sixteen floats at once");

    private static Tensor Unwritten(params long[] shape) => full(shape, float.NaN);

    private static Tensor Random(int seed, params long[] shape) => randn(shape, generator: new Generator((ulong)seed));

    private static void Near(Tensor got, Tensor want)
    {
        got.shape.ShouldBe(want.shape);
        var (difference, most) = ((got - want).norm().ToDouble(), Bound * Math.Max(1e-12, want.norm().ToDouble()));

        // A NaN is not below anything here.
        (difference <= most).ShouldBeTrue($"{difference} > {most}");
    }
}
