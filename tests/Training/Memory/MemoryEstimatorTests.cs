using Axpo.Core;
using Axpo.Training.Devices;
using Axpo.Training.Generation;
using Axpo.Training.Learning;
using Axpo.Training.Memory;
using Axpo.Training.Models;
using Axpo.Training.Models.Lora;
using Axpo.Training.Optim;
using Shouldly;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Memory;

/// <summary>The estimate against the bytes of the tensors that are really there.</summary>
public sealed class MemoryEstimatorTests
{
    private const int Tokens = 24;

    private static readonly DecoderConfig Tied = new()
    {
        VocabSize = 200,
        HiddenSize = 48,
        Layers = 3,
        Heads = 6,
        KvHeads = 2,
        HeadDim = 16,
        IntermediateSize = 80,
        MaxPositions = 256,
    };

    private static readonly DecoderConfig Untied = Tied with { ModelType = "llama", QkNorm = false, QkvBias = true, OutputBias = true, MlpBias = true, TieWordEmbeddings = false };

    public static TheoryData<bool> Shapes => [true, false];

    [Theory]
    [MemberData(nameof(Shapes))]
    public void A_layers_tape_holds_as_many_numbers_as_are_counted(bool tied)
    {
        var config = tied ? Tied : Untied;
        using var decoder = Decoder.Create(config, 1);
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var pack = new PackedBatch([[.. Enumerable.Range(0, Tokens)]], ComputeDevice.Cpu, shares: true);
        var x = decoder.Embed(pack.Ids);
        new FusedLayer(config, decoder.Layer(0)).Forward(x, decoder.Rotation(pack.Positions), new FusedAttention(pack.Paths, config), out var tape);
        var held = typeof(LayerTape).GetProperties().Where(p => p.PropertyType == typeof(Tensor)).Select(p => (Tensor)p.GetValue(tape)!).ToArray();
        held.Length.ShouldBe(18);
        (LayerFloats.Taped(config) * Tokens).ShouldBe(held.Sum(t => t.numel()));
    }

    [Theory]
    [InlineData("all-linear", 3, true)]
    [InlineData("q_proj, v_proj", 5, true)]
    [InlineData("k_proj,o_proj,down_proj", 4, false)]
    public void An_adapters_numbers_are_those_that_it_has(string targets, int rank, bool tied)
    {
        var config = tied ? Tied : Untied;
        var options = new LoraOptions { Rank = rank, Targets = targets };
        using var adapter = LoraAdapter.Create(LoraShape.Of(options, "model")!, config, 1, ComputeDevice.Cpu);
        MemoryEstimator.TrainedParameters(config, options).ShouldBe(adapter.Parameters.Sum(p => p.Value.numel()));
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Weights_optimizer_and_undo_copy_are_the_bytes_of_their_tensors(bool tied)
    {
        var config = tied ? Tied : Untied;
        using var decoder = Decoder.Create(config, 1);
        using var optimizer = new FusedAdamW(decoder.Parameters, new AdamWOptions());
        var estimate = Update(config, new RunConfiguration { Learner = new LearnerOptions { Threads = 3 } });
        var weights = decoder.Parameters.Sum(p => Bytes(p.Value));
        var (cos, sin) = Rope.Tables(config, ComputeDevice.Cpu, ScalarType.Float32);
        var rope = Bytes(cos) + Bytes(sin);
        var moments = optimizer.State().Where(s => s.Name != "step").Sum(s => Bytes(s.Value));
        Item(estimate, "engine: weights").ShouldBe(weights + rope);
        Item(estimate, "learner: weights").ShouldBe(weights + (3 * rope), "two further workers have tables of their own");
        Item(estimate, "reference policy").ShouldBe(weights + rope);
        Item(estimate, "gradients").ShouldBe(3 * weights);
        Item(estimate, "optimizer").ShouldBe(moments);
        Item(estimate, "copy to undo an update").ShouldBe(weights + moments);
        cos.Dispose();
        sin.Dispose();
    }

    [Fact]
    public void KV_caches_are_whole_pages()
    {
        var layout = new KvLayout(Tied);
        MemoryEstimator.KvBytes(Tied, 17, 3).ShouldBe(3 * 2 * layout.PageBytes);
        layout.PageBytes.ShouldBe(4L * 16 * ((3 * 2 * 2 * 16) + 48));
    }

    [Fact]
    public void What_is_not_held_is_not_counted()
    {
        var plain = Update(Tied, new RunConfiguration());
        var free = Update(Tied, new RunConfiguration { Objective = new ObjectiveOptions { KlWeight = 0 } });
        free.Items.ShouldNotContain(i => i.What == "reference policy");
        var lora = Update(Tied, new RunConfiguration { Learner = new LearnerOptions { Lora = new LoraOptions { Rank = 2 } } });
        lora.Items.ShouldNotContain(i => i.What == "reference policy");
        Item(lora, "optimizer").ShouldBe(2 * 4 * MemoryEstimator.TrainedParameters(Tied, new LoraOptions { Rank = 2 }));
        var again = Update(Tied, new RunConfiguration { Learner = new LearnerOptions { Checkpointing = true } });
        Item(again, "activations").ShouldBeLessThan(Item(plain, "activations"));
        var serve = MemoryEstimator.Of(Plan(Tied, new RunConfiguration()) with { Trains = false }).ShouldHaveSingleItem();
        serve.Items.Select(i => i.What).ShouldBe(["engine: weights", "engine: KV caches", "engine: working memory", "process"]);
    }

    [Fact]
    public void An_engine_that_takes_new_weights_holds_both_and_an_adapters_model_below()
    {
        var large = Tied with { HiddenSize = 4096, Layers = 32, Heads = 32, KvHeads = 8, HeadDim = 128, IntermediateSize = 14_336, VocabSize = 128_256 };
        var one = (4 * large.ParameterCount) + (2L * 4 * large.MaxPositions * large.HeadDim);
        var lora = Plan(large, new RunConfiguration { Learner = new LearnerOptions { Lora = new LoraOptions { Rank = 8 } } });
        var host = MemoryEstimator.Of(lora).ShouldHaveSingleItem();
        (Item(host, "engine: weights"), Item(host, "engine: new weights")).ShouldBe((one, 2 * one));
        host.Items.ShouldContain(i => i.What == "activations", "what is freed stays with the process");
        Item(Update(large, new RunConfiguration()), "engine: new weights").ShouldBe(one);

        var device = MemoryEstimator.Of(lora with { EngineDevice = "cuda:0", LearnerDevice = "cuda:1" })[1];
        (device.Device, device.Moment).ShouldBe(("cuda:0", "publishes new weights"));
        Item(device, "engine: new weights").ShouldBe(2 * one);
        MemoryEstimator.Of(lora with { Trains = false, IsAdapter = true })[0].Items.Single(i => i.What == "engine: model below the adapter").Bytes.ShouldBe(one);
    }

    [Fact]
    public void Devices_are_counted_apart()
    {
        var estimates = MemoryEstimator.Of(Plan(Tied, new RunConfiguration()) with { LearnerDevice = "cuda:1" });
        estimates.Select(e => e.Device).ShouldBe(["cpu", "cuda:1"]);
        estimates[0].Items.Select(i => i.What).ShouldContain("engine: KV caches");
        estimates[0].Items.ShouldNotContain(i => i.What == "optimizer");
        estimates[1].Moment.ShouldBe("updates");
        estimates[1].Items.Select(i => i.What).ShouldBe(["learner: weights", "reference policy", "optimizer", "gradients", "copy to undo an update", "activations", "logits"]);
    }

    [Fact]
    public void Where_a_probe_chooses_the_precision_the_larger_one_counts()
    {
        long Of(LearnerPrecision precision) => MemoryEstimator.Of(Plan(Tied, new RunConfiguration { Learner = new LearnerOptions { Precision = precision } }))[0].Bytes;
        Of(LearnerPrecision.Auto).ShouldBe(Math.Max(Of(LearnerPrecision.Float32), Of(LearnerPrecision.Bfloat16)));
    }

    private static MemoryPlan Plan(DecoderConfig config, RunConfiguration run) => new()
    {
        Model = config,
        Run = run,
        Trains = true,
        Cores = 2,
    };

    private static MemoryEstimate Update(DecoderConfig config, RunConfiguration run)
    {
        var estimate = MemoryEstimator.Of(Plan(config, run)).ShouldHaveSingleItem();
        estimate.Moment.ShouldBe("trains");
        return estimate;
    }

    private static long Item(MemoryEstimate estimate, string what) => estimate.Items.Single(i => i.What == what).Bytes;

    private static long Bytes(Tensor tensor) => tensor.numel() * tensor.ElementSize;
}
