using System.Text.Json.Nodes;
using Axpo.Training.Models;
using Axpo.Training.Models.Lora;
using Axpo.Training.Safetensors;
using Shouldly;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Models;

/// <summary>Every adapter of the fixtures against PEFT's own numbers (tolerances: the fixtures' README).</summary>
[Trait("Category", "Parity")]
[Trait("Family", "models")]
public sealed class LoraParityTests
{
    private static string Family => Path.Combine(Fixtures.Root, "models");

    public static TheoryData<string> Folders => [.. Directory.Exists(Family)
        ? Directory.EnumerateDirectories(Family).Where(f => File.Exists(Path.Combine(f, LoraShape.FileName))).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal).DefaultIfEmpty("(none)")
        : ["(none)"]];

    [Theory]
    [MemberData(nameof(Folders))]
    public void Logits_with_the_adapter_on_and_merged(string name)
    {
        using var model = Open(name, out var cases);
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var batch = new PaddedBatch(cases, "right");
        using var merged = model.Merged();
        var (on, together) = (model.Logits(batch.Forward(model)), merged.Logits(batch.Forward(merged)));
        foreach (var (row, start, begin, length) in batch.Rows)
        {
            Fixtures.Difference(on.narrow(0, begin, length), cases["right.logits"][row].narrow(0, start, length)).ShouldBeLessThan(1e-4);
            Fixtures.Difference(together.narrow(0, begin, length), cases["merged.logits"][row].narrow(0, start, length)).ShouldBeLessThan(1e-4);
            var got = ModelParityTests.LogProbs(on.narrow(0, begin, length), batch.Ids.narrow(0, begin, length));
            Fixtures.Difference(got, cases["right.logprobs"][row].narrow(0, start, length - 1)).ShouldBeLessThan(1e-4);
        }

        foreach (var (key, want) in cases.Where(c => c.Key.StartsWith("merged.layers.", StringComparison.Ordinal)))
        {
            var parameter = merged.Parameters.Single(p => p.Name.StartsWith("model." + key["merged.".Length..key.LastIndexOf('.')], StringComparison.Ordinal) && p.Name.EndsWith(key[(key.LastIndexOf('.') + 1)..] + ".weight", StringComparison.Ordinal));
            Fixtures.Difference(parameter.Value, want).ShouldBeLessThan(1e-5);
        }
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void With_the_adapter_off_it_is_the_base_in_the_same_memory(string name)
    {
        using var model = Open(name, out var cases);
        using var plain = Decoder.Load(BaseOf(name));
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        using var off = model.WithoutAdapter();
        var batch = new PaddedBatch(cases, "right");
        Fixtures.Difference(off.Logits(batch.Forward(off)), plain.Logits(batch.Forward(plain))).ShouldBe(0);
        Fixtures.Difference(off.Logits(batch.Forward(off)), model.Logits(batch.Forward(model))).ShouldBeGreaterThan(.1);
        foreach (var ((_, a), (_, b)) in off.Parameters.Zip(model.Parameters))
        {
            a.bytes.Overlaps(b.bytes).ShouldBeTrue();
        }
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void Gradients_and_one_AdamW_step_of_the_adapter_alone(string name)
    {
        using var model = Open(name, out var cases);
        var training = Fixtures.Json(Path.Combine(Family, name, "cases.json"))["training"]!.AsObject();
        model.Trained.Select(p => p.Name).Order(StringComparer.Ordinal).ShouldBe(training["grad_norms"]!.AsObject().Select(g => g.Key).Order(StringComparer.Ordinal));
        TrainingNumbers.ShouldBeMetBy(model, cases, training);
        model.Parameters.ShouldAllBe(p => !p.Value.requires_grad);
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void What_is_saved_reads_back_bit_for_bit(string name)
    {
        using var model = Open(name, out _);
        var folder = Directory.CreateTempSubdirectory("axpo-lora-").FullName;
        model.Adapter!.SaveInto(folder);
        SafetensorsFile.ReadHeader(Path.Combine(folder, ModelWeights.AdapterName)).Keys.Order(StringComparer.Ordinal)
            .ShouldBe(SafetensorsFile.ReadHeader(Path.Combine(Family, name, ModelWeights.AdapterName)).Keys.Order(StringComparer.Ordinal));
        using var again = LoraAdapter.Load(folder, model.Config, CPU);
        (again.Shape.Rank, again.Shape.Alpha, again.Shape.Base).ShouldBe((model.Adapter.Shape.Rank, model.Adapter.Shape.Alpha, model.Adapter.Shape.Base));
        foreach (var ((_, want), (_, got)) in model.Adapter.Parameters.Zip(again.Parameters))
        {
            Fixtures.Difference(got, want).ShouldBe(0);
        }

        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void A_fresh_adapter_changes_nothing()
    {
        using var model = Decoder.Load(Path.Combine(Fixtures.Own, "models", "qwen3-tied"));
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var (ids, positions) = (tensor(new long[] { 5, 9, 2, 7 }), arange(4, ScalarType.Int64));
        var before = model.Forward(ids, positions, CausalAttention.Packed([4], model.Config));
        model.Attach(LoraAdapter.Create(new LoraShape { Rank = 3, Alpha = 6, Targets = ["q_proj", "down_proj"] }, model.Config, 1, CPU));
        model.Trained.Count.ShouldBe(4 * model.Config.Layers);
        Fixtures.Difference(model.Forward(ids, positions, CausalAttention.Packed([4], model.Config)), before).ShouldBe(0);
        model.Adapter!.Parameters[0].Value.abs().max().ToDouble().ShouldBeInRange(.5 / Math.Sqrt(model.Config.HiddenSize), 1 / Math.Sqrt(model.Config.HiddenSize));
        Should.Throw<InvalidOperationException>(() => model.Attach(model.Adapter!)).Message.ShouldContain("already");
    }

    [Theory]
    [InlineData("use_rslora", "true", "use_rslora")]
    [InlineData("use_dora", "true", "use_dora")]
    [InlineData("fan_in_fan_out", "true", "fan_in_fan_out")]
    [InlineData("bias", "\"all\"", "bias")]
    [InlineData("lora_dropout", "0.1", "lora_dropout")]
    [InlineData("rank_pattern", "{\"q_proj\":2}", "rank_pattern")]
    [InlineData("modules_to_save", "[\"lm_head\"]", "modules_to_save")]
    [InlineData("target_modules", "[\"lm_head\"]", "lm_head")]
    [InlineData("peft_type", "\"IA3\"", "peft_type")]
    [InlineData("something_new", "3", "something_new")]
    public void What_would_change_the_mathematics_is_refused_by_name(string field, string value, string says) => Should.Throw<NotSupportedException>(() => Read(field, value)).Message.ShouldContain(says);

    [Theory]
    [InlineData("r", "0")]
    [InlineData("r", "\"4\"")]
    [InlineData("lora_alpha", "null")]
    [InlineData("target_modules", "3")]
    public void A_field_of_the_wrong_kind_is_named(string field, string value) => Should.Throw<InvalidDataException>(() => Read(field, value)).Message.ShouldContain(field);

    private static LoraShape Read(string field, string value)
    {
        var json = JsonNode.Parse(new LoraShape { Rank = 4, Alpha = 8, Targets = ["q_proj"] }.ToJson())!;
        json[field] = JsonNode.Parse(value);
        var folder = Directory.CreateTempSubdirectory("axpo-lora-").FullName;
        try
        {
            File.WriteAllText(Path.Combine(folder, LoraShape.FileName), json.ToJsonString());
            return LoraShape.FromFolder(folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string BaseOf(string name)
    {
        var said = Path.GetFullPath(Path.Combine(Family, name, LoraShape.FromFolder(Path.Combine(Family, name)).Base));
        return Directory.Exists(said) ? said : Path.Combine(Fixtures.Own, "models", Path.GetFileName(said));
    }

    private static Decoder Open(string name, out Dictionary<string, Tensor> cases)
    {
        var folder = Path.Combine(Family, name);
        Assert.SkipUnless(Directory.Exists(folder), "no adapters in AXPO_FIXTURES");
        cases = Fixtures.Tensors(Path.Combine(folder, "cases.safetensors"));
        var model = Decoder.Load(BaseOf(name));
        model.Attach(LoraAdapter.Load(folder, model.Config, CPU));
        return model;
    }
}
