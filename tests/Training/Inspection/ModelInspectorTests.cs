using System.Text.Json.Nodes;
using Axpo.Training.Models.Inspection;
using Shouldly;
using Xunit;

namespace Axpo.Training.Tests.Inspection;

/// <summary>What a folder says of itself, whole and refused.</summary>
public sealed class ModelInspectorTests(TinyModel model) : IClassFixture<TinyModel>, IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("axpo-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_model_is_described_by_its_files()
    {
        var found = ModelInspector.Inspect(model.Folder);
        found.Refusals.ShouldBeEmpty();
        found.IsSupported.ShouldBeTrue();
        var architecture = found.Architecture.ShouldNotBeNull();
        (architecture.ModelType, architecture.Layers, architecture.HiddenSize, architecture.Heads, architecture.KvHeads, architecture.TiesHead).ShouldBe(("qwen3", 2, 32, 4, 2, true));
        architecture.Parameters.ShouldBe(found.Config!.ParameterCount);
        architecture.NonEmbeddingParameters.ShouldBe(found.Config.ParameterCount - (32L * model.Tokenizer.Size));
        var weights = found.Weights.ShouldNotBeNull();
        weights.Numbers.ShouldBe(new Dictionary<string, long> { ["F32"] = found.Config.ParameterCount });
        weights.Bytes.ShouldBe(new FileInfo(Path.Combine(model.Folder, "model.safetensors")).Length);
        var chat = found.Chat.ShouldNotBeNull();
        (chat.Vocabulary, chat.Template, chat.OffersTools).ShouldBe((model.Tokenizer.Size, "axpo", true));
        chat.EndTokens.ShouldContain(new EndToken(model.Tokenizer.Added("<im_end>"), "<im_end>"));
    }

    [Fact]
    public void Of_a_refused_architecture_everything_else_is_said()
    {
        var folder = Copy(c => c["model_type"] = "gemma9");
        var found = ModelInspector.Inspect(folder);
        found.Refusals.ShouldHaveSingleItem().ShouldContain("model_type 'gemma9' is not supported");
        found.Config.ShouldBeNull();
        (found.Architecture!.ModelType, found.Architecture.Layers, found.Architecture.Parameters).ShouldBe(("gemma9", 2, null));
        found.Weights!.Numbers.Keys.ShouldBe(["F32"]);
        found.Chat.ShouldNotBeNull();
    }

    [Fact]
    public void Shapes_tokenizer_and_config_are_refused_together()
    {
        var folder = Copy(c => c["intermediate_size"] = 65);
        File.Delete(Path.Combine(folder, "tokenizer_config.json"));
        var found = ModelInspector.Inspect(folder);
        found.Refusals.Count.ShouldBe(2);
        found.Refusals[0].ShouldContain("mlp.gate_proj.weight");
        found.Refusals[1].ShouldContain("tokenizer_config.json");
        found.Chat.ShouldBeNull();
    }

    [Fact]
    public void Numbers_of_a_type_that_is_not_read_are_counted()
    {
        var folder = Copy(_ => { });
        var header = """{"w":{"dtype":"F8_E4M3","shape":[2,3],"data_offsets":[0,6]}}"""u8;
        File.WriteAllBytes(Path.Combine(folder, "model.safetensors"), [.. BitConverter.GetBytes((long)header.Length), .. header, 0, 0, 0, 0, 0, 0]);
        var found = ModelInspector.Inspect(folder);
        found.Weights!.Numbers.ShouldBe(new Dictionary<string, long> { ["F8_E4M3"] = 6 });
        found.Refusals.ShouldHaveSingleItem().ShouldContain("dtype 'F8_E4M3'");
    }

    [Fact]
    public void An_adapter_is_described_with_the_model_below_it()
    {
        var found = ModelInspector.Inspect(Path.Combine(Fixtures.Own, "models", "qwen3-tied-lora"));
        var adapter = found.Adapter.ShouldNotBeNull();
        (adapter.Rank, adapter.Alpha, adapter.Targets.Count, adapter.Base).ShouldBe((4, 8, 7, "../qwen3-tied"));
        found.Architecture!.ModelType.ShouldBe("qwen3");
        found.Weights!.Bytes.ShouldBe(new FileInfo(Path.Combine(Fixtures.Own, "models", "qwen3-tied", "model.safetensors")).Length);
        found.Refusals.ShouldHaveSingleItem().ShouldContain("tokenizer_config.json");
    }

    [Fact]
    public void An_adapter_whose_model_is_gone_is_still_described()
    {
        foreach (var file in Directory.GetFiles(Path.Combine(Fixtures.Own, "models", "qwen3-tied-lora"), "adapter*"))
        {
            File.Copy(file, Path.Combine(_folder, Path.GetFileName(file)));
        }

        var found = ModelInspector.Inspect(_folder);
        found.Adapter!.Rank.ShouldBe(4);
        found.Refusals[0].ShouldContain("'../qwen3-tied'");
    }

    private string Copy(Action<JsonObject> change)
    {
        foreach (var file in Directory.GetFiles(model.Folder))
        {
            File.Copy(file, Path.Combine(_folder, Path.GetFileName(file)));
        }

        var path = Path.Combine(_folder, "config.json");
        var config = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        change(config);
        File.WriteAllText(path, config.ToJsonString());
        return _folder;
    }
}
