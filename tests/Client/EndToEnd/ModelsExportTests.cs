using Axpo.Silo.Storage;
using Axpo.Training.Devices;
using Axpo.Training.Models;
using Axpo.Training.Models.Lora;
using TorchSharp;

namespace Axpo.Client.Tests.EndToEnd;

/// <summary><c>axpo models export</c>: what is exported is the policy that the run trained.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class ModelsExportTests(ModelsExportTests.Trained trained) : IClassFixture<ModelsExportTests.Trained>
{
    private const string Full = "full";
    private const string Lora = "lora";
    private const int Tokens = 40;

    [Fact]
    public async Task A_run_gives_a_whole_model_that_computes_what_its_checkpoint_does()
    {
        var axpo = await trained.RunAsync();
        var output = Path.Combine(axpo.Folder, "out-full");
        (await axpo.RunAsync("models", "export", Full, "--out", output, "--json")).ShouldBe(ExitCode.Done, axpo.Error);
        var json = axpo.Json();
        (json.GetProperty("step").GetInt32(), json.GetProperty("isAdapter").GetBoolean(), json.GetProperty("folder").GetString()).ShouldBe((2, false, output));
        Names(output).ShouldBe(["config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]);
        Farthest(Logits(output), Logits(Checkpoint(axpo, Full, 2))).ShouldBe(0);
        Farthest(Logits(output), Logits(SampleRun.Model)).ShouldBeGreaterThan(1e-3f, "it was trained");
        Directory.EnumerateDirectories(axpo.Folder, "*.part").ShouldBeEmpty();

        (await axpo.RunAsync("models", "inspect", output)).ShouldBe(ExitCode.Done, axpo.Error);
    }

    [Fact]
    public async Task A_step_can_be_asked_for_and_merged_changes_nothing_without_an_adapter()
    {
        var axpo = await trained.RunAsync();
        var output = Path.Combine(axpo.Folder, "out-step");
        (await axpo.RunAsync("models", "export", Full, "--step", "1", "--merged", "--out", output)).ShouldBe(ExitCode.Done, axpo.Error);
        axpo.Screen.ReplaceLineEndings("").ShouldContain("step 1 of run 'full', a whole model");
        Farthest(Logits(output), Logits(Checkpoint(axpo, Full, 1))).ShouldBe(0);
        Farthest(Logits(output), Logits(Checkpoint(axpo, Full, 2))).ShouldBeGreaterThan(1e-3f);
    }

    [Fact]
    public async Task A_LoRA_run_gives_its_adapter_or_merged_a_whole_model_with_the_same_logits()
    {
        var axpo = await trained.RunAsync();
        var (adapter, merged) = (Path.Combine(axpo.Folder, "out-adapter"), Path.Combine(axpo.Folder, "out-merged"));
        (await axpo.RunAsync("models", "export", Lora, "--out", adapter)).ShouldBe(ExitCode.Done, axpo.Error);
        axpo.Screen.ReplaceLineEndings("").ShouldContain($"step 2 of run 'lora', the adapter of {SampleRun.Model}");
        Names(adapter).ShouldBe(["adapter_config.json", "adapter_model.safetensors", "generation_config.json", "tokenizer.json", "tokenizer_config.json"]);
        (await axpo.RunAsync("models", "export", Lora, "--merged", "--out", merged)).ShouldBe(ExitCode.Done, axpo.Error);
        Names(merged).ShouldBe(["config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]);

        using var attached = Decoder.Load(SampleRun.Model);
        attached.Attach(LoraAdapter.Load(adapter, attached.Config, ComputeDevice.Cpu));
        var want = Logits(attached);
        Farthest(Logits(merged), want).ShouldBeLessThan(1e-4f);
        Farthest(Logits(SampleRun.Model), want).ShouldBeGreaterThan(1e-3f, "it was trained");
    }

    [Fact]
    public async Task Nothing_is_overwritten()
    {
        var axpo = await trained.RunAsync();
        var output = Directory.CreateDirectory(Path.Combine(axpo.Folder, "there")).FullName;
        (await axpo.RunAsync("models", "export", Full, "--out", output)).ShouldBe(ExitCode.BadInput);
        axpo.Errors.ShouldHaveSingleItem().ShouldStartWith($"error: --out: '{output}': exists");
        Directory.EnumerateFileSystemEntries(output).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("7", "is not stored; there are 1, 2")]
    [InlineData("0", "is the model that the run began with: ")]
    public async Task A_step_that_is_not_there_is_told(string step, string remedy)
    {
        var axpo = await trained.RunAsync();
        (await axpo.RunAsync("models", "export", Full, "--step", step, "--out", Path.Combine(axpo.Folder, "none"))).ShouldBe(ExitCode.BadInput);
        axpo.Errors.ShouldHaveSingleItem().ShouldStartWith($"error: --step: '{step}': {remedy}");
    }

    [Fact]
    public async Task A_name_that_is_nearly_right_is_guessed()
    {
        var axpo = await trained.RunAsync();
        (await axpo.RunAsync("models", "export", "ful", "--out", Path.Combine(axpo.Folder, "none"))).ShouldBe(ExitCode.BadInput);
        axpo.Error.ShouldContain("did you mean 'full'?");
    }

    [Fact]
    public async Task A_run_without_a_finished_step_and_one_that_does_not_train_have_nothing_to_export()
    {
        using var axpo = new AxpoConsole();
        await SampleRun.CreateAsync(axpo.Folders, "fresh");
        await SampleRun.CreateAsync(axpo.Folders, "asked", kind: Grains.Abstractions.RunKind.Rollout);
        Directory.CreateDirectory(Path.Combine(axpo.Folders.Checkpoints("fresh"), RunCheckpoints.Name(1, 1)));
        var output = Path.Combine(axpo.Folder, "none");
        (await axpo.RunAsync("models", "export", "fresh", "--out", output)).ShouldBe(ExitCode.BadInput);
        axpo.Error.ShouldContain("has no checkpoint of a finished step yet");
        (await axpo.RunAsync("models", "export", "asked", "--out", output)).ShouldBe(ExitCode.BadInput);
        axpo.Error.ShouldContain("does not train");
        Directory.Exists(output).ShouldBeFalse();
    }

    private static string Checkpoint(AxpoConsole axpo, string run, int step) => RunCheckpoints.Of(axpo.Folders, run).Single(c => c.Step == step).Folder;

    private static string[] Names(string folder) => [.. Directory.GetFiles(folder).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];

    private static float[] Logits(string folder)
    {
        using var decoder = Decoder.Load(folder);
        return Logits(decoder);
    }

    private static float[] Logits(Decoder decoder)
    {
        using var scope = torch.NewDisposeScope();
        using var guard = torch.no_grad();
        var hidden = decoder.Forward(torch.arange(Tokens), torch.arange(Tokens), CausalAttention.Packed([Tokens], decoder.Config));
        return decoder.Logits(hidden).Floats();
    }

    private static float Farthest(float[] a, float[] b) => a.Zip(b, (x, y) => Math.Abs(x - y)).Max();

    /// <summary>A small run in full and one of an adapter, made once.</summary>
    public sealed class Trained : IDisposable
    {
        private AxpoConsole? _axpo;

        public void Dispose() => _axpo?.Dispose();

        internal async Task<AxpoConsole> RunAsync()
        {
            if (_axpo is null)
            {
                var axpo = new AxpoConsole();
                // The entropy bonus has a gradient whatever the answers are.
                string[] common =
                [
                    "--model", SampleRun.Model, "--steps", "2", "--set", "tasks.suites.fact=1", "--set", "rollouts.questions=4", "--set", "rollouts.groupSize=4", "--set", "learner.learningRate=0.01", "--set", "objective.entropyWeight=0.1",
                    "--set", "evaluation.every=0", "--set", "evaluation.finalQuestions=1", "--set", "evaluation.samples=1",
                ];
                (await axpo.RunAsync(["train", "--name", Full, .. common])).ShouldBe(ExitCode.Done, axpo.Error);
                (await axpo.RunAsync(["train", "--name", Lora, .. common, "--set", "learner.lora.rank=4"])).ShouldBe(ExitCode.Done, axpo.Error);
                _axpo = axpo;
            }

            return _axpo;
        }
    }
}
