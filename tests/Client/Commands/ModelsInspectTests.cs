using System.Text.Json.Nodes;

namespace Axpo.Client.Tests.Commands;

public sealed class ModelsInspectTests
{
    [Fact]
    public async Task A_folder_is_described_with_the_memory_that_it_takes()
    {
        using var axpo = new AxpoConsole();
        (await axpo.RunAsync("models", "inspect", SampleRun.Model, "--context", "256", "--batch", "4", "--rank", "8")).ShouldBe(ExitCode.Done, axpo.Error);
        foreach (var text in new[] { "qwen3", "1,008,512", "F32", "largest context", "<im_end> (1674)", "memory of cpu at most, 4 x 256 tokens", "LoRA, rank 8", "engine: KV caches", "copy to undo an update" })
        {
            axpo.Screen.ShouldContain(text);
        }

        (await axpo.RunAsync("models", "inspect", SampleRun.Model, "--context", "256", "--batch", "4", "--json")).ShouldBe(ExitCode.Done, axpo.Error);
        var json = axpo.Json();
        json.GetProperty("isSupported").GetBoolean().ShouldBeTrue();
        json.GetProperty("architecture").GetProperty("parameters").GetInt64().ShouldBe(1_008_512);
        var uses = json.GetProperty("memory").GetProperty("uses").EnumerateArray().ToArray();
        uses.Select(u => u.GetProperty("use").GetString()).ShouldBe(["serve", "lora", "full"]);
        long Total(int use) => uses[use].GetProperty("estimates")[0].GetProperty("bytes").GetInt64();
        Total(0).ShouldBeLessThan(Total(1));
        Total(1).ShouldBeLessThan(Total(2));
    }

    [Fact]
    public async Task A_folder_that_is_refused_is_described_all_the_same_and_exits_with_2()
    {
        using var axpo = new AxpoConsole();
        var folder = Copy(axpo);
        var path = Path.Combine(folder, "config.json");
        var config = JsonNode.Parse(await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken))!;
        config["model_type"] = "mamba";
        await File.WriteAllTextAsync(path, config.ToJsonString(), TestContext.Current.CancellationToken);
        (await axpo.RunAsync("models", "inspect", folder)).ShouldBe(ExitCode.BadInput);
        axpo.Screen.ShouldContain("mamba (refused)");
        axpo.Screen.ShouldContain("4 layers, width 128");
        axpo.Screen.ShouldNotContain("memory of");
        axpo.Errors.ShouldHaveSingleItem().ShouldContain("model_type 'mamba' is not supported; supported: ");
        (await axpo.RunAsync("models", "inspect", folder, "--json")).ShouldBe(ExitCode.BadInput);
        axpo.Json().GetProperty("refusals")[0].GetString()!.ShouldContain("mamba");
    }

    [Fact]
    public async Task Of_a_model_of_several_parts_the_decoder_is_described()
    {
        using var axpo = new AxpoConsole();
        var folder = Copy(axpo);
        var path = Path.Combine(folder, "config.json");
        var config = JsonNode.Parse(await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken))!;
        await File.WriteAllTextAsync(path, new JsonObject { ["model_type"] = "qwen3_vl", ["text_config"] = config }.ToJsonString(), TestContext.Current.CancellationToken);
        (await axpo.RunAsync("models", "inspect", folder)).ShouldBe(ExitCode.BadInput);
        axpo.Screen.ShouldContain("qwen3_vl (refused)");
        axpo.Screen.ShouldContain("4 layers, width 128");
    }

    [Fact]
    public async Task Weights_are_not_needed_to_count_memory()
    {
        using var axpo = new AxpoConsole();
        var folder = Copy(axpo);
        File.Delete(Path.Combine(folder, "model.safetensors"));
        (await axpo.RunAsync("models", "inspect", folder)).ShouldBe(ExitCode.BadInput);
        axpo.Screen.ShouldContain("memory of cpu at most");
        axpo.Error.ShouldContain("holds neither model.safetensors nor");
    }

    [Theory]
    [InlineData("--context", "0", "must be from 1 to 1024")]
    [InlineData("--context", "1025", "must be from 1 to 1024")]
    [InlineData("--batch", "0", "must be from 1")]
    [InlineData("--rank", "0", "must be from 1")]
    [InlineData("--device", "tpu", "is no device")]
    [InlineData("--device", "cuda:first", "is no device")]
    [InlineData("--device", "auto", "is no device")]
    public async Task Values_out_of_range_are_named(string option, string value, string remedy)
    {
        using var axpo = new AxpoConsole();
        (await axpo.RunAsync("models", "inspect", SampleRun.Model, option, value)).ShouldBe(ExitCode.BadInput);
        axpo.Errors.ShouldHaveSingleItem().ShouldStartWith($"error: {option}: '{value}': {remedy}");
        axpo.Screen.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_path_without_a_folder_is_named()
    {
        using var axpo = new AxpoConsole();
        (await axpo.RunAsync("models", "inspect", "/nowhere/model")).ShouldBe(ExitCode.BadInput);
        axpo.Errors.ShouldHaveSingleItem().ShouldStartWith("error: PATH: '/nowhere/model': there is no such folder");
    }

    private static string Copy(AxpoConsole axpo)
    {
        var folder = Directory.CreateDirectory(Path.Combine(axpo.Folder, "model")).FullName;
        foreach (var file in Directory.GetFiles(SampleRun.Model))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }

        return folder;
    }
}
