using System.Globalization;
using System.Text.Json.Nodes;
using Axpo.Training.Models;
using Axpo.Training.Safetensors;
using Shouldly;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Models;

/// <summary>Every text model folder of the fixtures against Hugging Face's own numbers (tolerances: the fixtures' README).</summary>
[Trait("Category", "Parity")]
[Trait("Family", "models")]
public sealed class ModelParityTests
{
    private static string Family => Path.Combine(Fixtures.Root, "models");

    public static TheoryData<string> Folders
    {
        get
        {
            var data = new TheoryData<string>();
            if (Directory.Exists(Family))
            {
                foreach (var folder in Directory.EnumerateDirectories(Family).Where(f => File.Exists(Path.Combine(f, "cases.safetensors")) && File.Exists(Path.Combine(f, "config.json")) && !Vision.VisionFixture.IsOne(f)).Order(StringComparer.Ordinal))
                {
                    data.Add(Path.GetFileName(folder));
                }
            }

            if (data.Count == 0)
            {
                data.Add("(no models in AXPO_FIXTURES)");
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void Logits_and_log_probs_of_single_rows(string name)
    {
        using var model = Open(name, out var cases);
        SingleRows(model, cases);
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void Hidden_states_and_rope_tables(string name)
    {
        using var model = Open(name, out var cases);
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        if (cases.TryGetValue("hidden.embed", out var embed))
        {
            var row = Fixtures.Json(Path.Combine(Family, name, "cases.json"))["hidden_row"]!.GetValue<int>();
            var ids = cases[Key(row, "input_ids")].flatten();
            var n = (int)ids.shape[0];
            var compared = 0;
            var norm = model.Forward(ids, arange(n, ScalarType.Int64), CausalAttention.Packed([n], model.Config), (layer, x) =>
            {
                var want = layer == 0 ? embed : cases[string.Create(CultureInfo.InvariantCulture, $"hidden.layer.{layer - 1}")];
                Fixtures.Difference(x, want.reshape(x.shape)).ShouldBeLessThan(1e-4);
                compared++;
            });
            compared.ShouldBe(model.Config.Layers + 1);
            Fixtures.Difference(norm, cases["hidden.norm"].reshape(norm.shape)).ShouldBeLessThan(1e-4);
        }

        if (cases.TryGetValue("rope.positions", out var positions))
        {
            Fixtures.Difference(Rope.InverseFrequencies(model.Config), cases["rope.inv_freq"]).ShouldBeLessThan(1e-5);
            var (cos, sin) = Rope.Tables(model.Config with { MaxPositions = (int)positions.max().ToInt64() + 1 }, CPU, ScalarType.Float32);
            Fixtures.Difference(cos.index_select(0, positions), cases["rope.cos"]).ShouldBeLessThan(1e-5);
            Fixtures.Difference(sin.index_select(0, positions), cases["rope.sin"]).ShouldBeLessThan(1e-5);
        }
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void Greedy_continuations(string name)
    {
        using var model = Open(name, out var cases);
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        for (var row = 0; cases.TryGetValue(Key(row, "greedy"), out var greedy); row++)
        {
            var tokens = Longs(cases[Key(row, "input_ids")]).ToList();
            var start = tokens.Count;
            foreach (var want in Longs(greedy))
            {
                var logits = Logits(model, tensor(tokens.ToArray()));
                tokens.Add(logits[^1].argmax().ToInt64());
                tokens[^1].ShouldBe(want);
            }

            var all = tensor(tokens.ToArray());
            var logProbs = LogProbs(Logits(model, all), all).narrow(0, start - 1, greedy.numel());
            Fixtures.Difference(logProbs, cases[Key(row, "greedy_logprobs")].flatten()).ShouldBeLessThan(1e-4);
        }
    }

    [Theory]
    [InlineData("right")]
    [InlineData("left")]
    public void Padded_batches_equal_our_packed_sequences(string side)
    {
        foreach (var name in Folders.Select(f => f.Data))
        {
            if (!Supported(name))
            {
                continue;
            }

            using var model = Open(name, out var cases);
            using var scope = NewDisposeScope();
            using var guard = no_grad();
            var batch = new PaddedBatch(cases, side);
            var logits = model.Logits(batch.Forward(model));
            var wantLogits = cases[side + ".logits"];
            var wantLogProbs = cases[side + ".logprobs"];
            foreach (var (row, start, begin, length) in batch.Rows)
            {
                Fixtures.Difference(logits.narrow(0, begin, length), wantLogits[row].narrow(0, start, length)).ShouldBeLessThan(1e-4);
                var got = LogProbs(logits.narrow(0, begin, length), batch.Ids.narrow(0, begin, length));
                Fixtures.Difference(got, wantLogProbs[row].narrow(0, start, length - 1)).ShouldBeLessThan(1e-4);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void Gradients_and_one_AdamW_step(string name)
    {
        using var model = Open(name, out var cases);
        var training = Fixtures.Json(Path.Combine(Family, name, "cases.json"))["training"]?.AsObject();
        Assert.SkipWhen(training is null, $"{name}: no training numbers");
        TrainingNumbers.ShouldBeMetBy(model, cases, training);
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void A_saved_folder_reads_back_bit_for_bit_under_the_same_names(string name)
    {
        using var model = Open(name, out var cases);
        var folder = Path.Combine(Directory.CreateTempSubdirectory("axpo-test-").FullName, "copy");
        model.Save(folder);
        using var again = Decoder.Load(folder);
        SingleRows(again, cases);
        again.Config.ShouldBe(model.Config);
        foreach (var ((_, want), (_, got)) in model.Parameters.Zip(again.Parameters))
        {
            Fixtures.Difference(got, want).ShouldBe(0);
        }

        foreach (var (field, value) in Fixtures.Json(Path.Combine(Family, name, "config.json")).Where(f => f.Key is not ("dtype" or "torch_dtype")))
        {
            JsonNode.DeepEquals(Fixtures.Json(Path.Combine(folder, "config.json"))[field], value).ShouldBeTrue(field);
        }

        File.ReadAllText(Path.Combine(folder, "generation_config.json")).ShouldBe(File.ReadAllText(Path.Combine(Family, name, "generation_config.json")));
        var original = ModelWeights.Files(Path.Combine(Family, name)).SelectMany(f => SafetensorsFile.ReadHeader(f).Keys).Order(StringComparer.Ordinal);
        SafetensorsFile.ReadHeader(Path.Combine(folder, ModelWeights.FileName)).Keys.Order(StringComparer.Ordinal).ShouldBe(original);

        var second = folder + ".again";
        again.Save(second);
        Directory.GetFiles(second).Select(Path.GetFileName).Order(StringComparer.Ordinal).ShouldBe(Directory.GetFiles(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        foreach (var file in Directory.GetFiles(folder))
        {
            File.ReadAllBytes(Path.Combine(second, Path.GetFileName(file))).ShouldBe(File.ReadAllBytes(file), file);
        }

        Should.Throw<IOException>(() => model.Save(folder)).Message.ShouldContain("never overwritten");
        Directory.Delete(Path.GetDirectoryName(folder)!, recursive: true);
    }

    internal static Tensor LogProbs(Tensor logits, Tensor ids)
    {
        var n = ids.shape[0] - 1;
        return logits.narrow(0, 0, n).log_softmax(-1).gather(1, ids.narrow(0, 1, n).unsqueeze(1)).squeeze(1);
    }

    internal static string Key(int row, string what) => string.Create(CultureInfo.InvariantCulture, $"rows.{row}.{what}");

    internal static long[] Longs(Tensor tensor) => tensor.flatten().data<long>().ToArray();

    private static void SingleRows(Decoder model, Dictionary<string, Tensor> cases)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        for (var row = 0; cases.ContainsKey(Key(row, "input_ids")); row++)
        {
            var ids = cases[Key(row, "input_ids")].flatten();
            var logits = Logits(model, ids);
            Fixtures.Difference(logits, cases[Key(row, "logits")].reshape(logits.shape)).ShouldBeLessThan(1e-4);
            var want = cases[Key(row, "logprobs")].flatten();
            Fixtures.Difference(LogProbs(logits, ids), want).ShouldBeLessThan(1e-4);
        }
    }

    internal static Tensor Logits(Decoder model, Tensor ids)
    {
        var n = (int)ids.shape[0];
        return model.Logits(model.Forward(ids, arange(n, ScalarType.Int64), CausalAttention.Packed([n], model.Config)));
    }

    private static bool Supported(string name)
    {
        var config = Path.Combine(Family, name, "config.json");
        return File.Exists(config) && Fixtures.Json(config) is var json && !json.ContainsKey("vision_config") && DecoderConfig.SupportedModelTypes.Contains(json["model_type"]!.GetValue<string>());
    }

    internal static Decoder Open(string name, out Dictionary<string, Tensor> cases)
    {
        Assert.SkipUnless(Directory.Exists(Path.Combine(Family, name)), $"{name}: no such family here");
        Assert.SkipUnless(Supported(name), $"{name}: this architecture is not supported yet");
        cases = Fixtures.Tensors(Path.Combine(Family, name, "cases.safetensors"));
        return Decoder.Load(Path.Combine(Family, name));
    }
}
