using Axpo.Training.Chat;

namespace Axpo.Client.Tests.Commands;

public sealed class SftTests
{
    [Fact]
    public async Task Everything_wrong_is_told_before_anything_starts()
    {
        using var axpo = new AxpoConsole();
        (await axpo.RunAsync("sft", "--recipe", "gab", "--out", axpo.Folder, "--model", axpo.Folder, "--steps", "0")).ShouldBe(ExitCode.BadInput);
        axpo.Errors.ShouldBe([
            "error: --recipe: 'gab': unknown; did you mean 'gap'? there are chains-3, chains-8, chains-8-exact, gap, gap-chains, tiny, tiny-vl, tiny-vl-reading, tiny-vl-suites, tools",
            $"error: --out: '{axpo.Folder}': exists; a model folder is never overwritten: choose another, or remove it first",
            "error: --steps: '0': expected a whole number of at least 1",
            $"error: model: '{axpo.Folder}': '{axpo.Folder}' holds no config.json; give a Hugging Face model folder"]);
        (await axpo.RunAsync("sft", "--recipe", "gap", "--out", Path.Combine(axpo.Folder, "m"), "--model", "nowhere")).ShouldBe(ExitCode.BadInput);
        axpo.Errors.ShouldHaveSingleItem().ShouldBe($"error: model: '{Path.GetFullPath("nowhere")}': there is no such folder; give a Hugging Face folder, for example models/axpo-tiny-gap");
        Directory.EnumerateFileSystemEntries(axpo.Folder).ShouldBeEmpty();
    }

    [Fact]
    public async Task It_writes_a_model_folder_and_tells_how_it_went()
    {
        using var axpo = new AxpoConsole();
        var first = Path.Combine(axpo.Folder, "first");
        (await axpo.RunAsync("sft", "--recipe", "gap", "--out", first, "--steps", "2", "--seed", "7")).ShouldBe(ExitCode.Done);
        axpo.Screen.ShouldContain("step 2/2");
        axpo.Screen.ShouldContain("tokens/s");
        axpo.Screen.ShouldContain("left");
        axpo.Screen.ShouldContain($"{first} is written");
        ChatFormats.FromFolder(first).VocabularySize.ShouldBePositive();

        (await axpo.RunAsync("sft", "--recipe", "gap", "--out", Path.Combine(axpo.Folder, "second"), "--model", first, "--steps", "1", "--json")).ShouldBe(ExitCode.Done);
        var lines = axpo.JsonLines();
        lines[0].GetProperty("step").GetInt32().ShouldBe(1);
        lines[^1].GetProperty("done").GetBoolean().ShouldBeTrue();
        lines[^1].GetProperty("validationLoss").GetDouble().ShouldBe(lines[^2].GetProperty("validationLoss").GetDouble());
    }

    [Fact]
    public async Task What_does_not_go_together_is_told()
    {
        using var axpo = new AxpoConsole();
        var output = Path.Combine(axpo.Folder, "m");
        (await axpo.RunAsync("sft", "--recipe", "tools", "--out", output, "--merged", "--rate", "0", "--batch", "0")).ShouldBe(ExitCode.BadInput);
        axpo.Errors.ShouldBe([
            "error: --model: the recipe tools goes on from a model that talks already; give its Hugging Face folder",
            "error: --merged: there is no adapter to merge; give --set learner.lora.rank=N with it",
            "error: --batch: '0': expected a whole number of at least 1",
            "error: --rate: '0': expected a number above 0 and at most 10"]);
        (await axpo.RunAsync("sft", "--recipe", "gap", "--out", output, "--set", "learner.lora.rank=4")).ShouldBe(ExitCode.BadInput);
        axpo.Errors.ShouldBe(["error: learner.lora.rank: '4': an adapter needs a model below it; give --model FOLDER"]);
        (await axpo.RunAsync("sft", "--recipe", "tiny-vl-suites", "--out", output, "--model", SampleRun.Model)).ShouldBe(ExitCode.BadInput);
        axpo.Errors.ShouldHaveSingleItem().ShouldEndWith("reads text only, and the recipe shows pictures; give a model that sees (Qwen3-VL)");
    }

    [Theory]
    [InlineData("fresh")]
    [InlineData("cpu")]
    public async Task No_name_of_a_model_means_none(string name)
    {
        using var axpo = new AxpoConsole();
        (await axpo.RunAsync("sft", "--recipe", "gap", "--out", Path.Combine(axpo.Folder, "m"), "--model", name)).ShouldBe(ExitCode.BadInput);
        axpo.Errors.ShouldHaveSingleItem().ShouldStartWith($"error: model: '{Path.GetFullPath(name)}': there is no such folder");
        (await axpo.RunAsync("sft", "--recipe", "gap", "--out", Path.Combine(axpo.Folder, "m"), "--model", "")).ShouldBe(ExitCode.BadInput);
        axpo.Errors.ShouldHaveSingleItem().ShouldContain("must not be empty");
    }

    [Fact]
    public async Task A_device_that_is_not_there_is_told()
    {
        using var axpo = new AxpoConsole();
        (await axpo.RunAsync("sft", "--recipe", "gap", "--out", Path.Combine(axpo.Folder, "m"), "--set", "learner.device=cuda:900")).ShouldBe(ExitCode.Environment);
        axpo.Errors.ShouldHaveSingleItem().ShouldStartWith("error: learner.device: 'cuda:900': ");
        Directory.EnumerateFileSystemEntries(axpo.Folder).ShouldBeEmpty();
    }

    [Fact]
    public async Task An_adapter_over_a_shipped_model_is_a_model_folder()
    {
        using var axpo = new AxpoConsole();
        var output = Path.Combine(axpo.Folder, "adapter");
        (await axpo.RunAsync("sft", "--recipe", "gap", "--model", "models/axpo-tiny-gap", "--set", "learner.lora.rank=4", "--steps", "1", "--batch", "2", "--rate", "0.001", "--out", output)).ShouldBe(ExitCode.Done);
        File.Exists(Path.Combine(output, "adapter_model.safetensors")).ShouldBeTrue();
        ChatFormats.FromFolder(output).VocabularySize.ShouldBePositive();
    }

    [Fact]
    public async Task People_see_a_bar()
    {
        using var axpo = new AxpoConsole { IsTerminal = true };
        (await axpo.RunAsync("sft", "--recipe", "gap", "--out", Path.Combine(axpo.Folder, "m"), "--steps", "1")).ShouldBe(ExitCode.Done);
        axpo.Screen.ShouldContain("100%");
    }

    [Fact]
    public async Task A_stop_leaves_nothing_behind()
    {
        using var axpo = new AxpoConsole();
        await axpo.Stop.CancelAsync();
        (await axpo.RunAsync("sft", "--recipe", "gap", "--out", Path.Combine(axpo.Folder, "m"))).ShouldBe(ExitCode.Stopped);
        axpo.Errors.ShouldBe(["error: stopped"]);
        Directory.EnumerateFileSystemEntries(axpo.Folder).ShouldBeEmpty();
    }
}
