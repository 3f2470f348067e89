using Axpo.Core;
using Axpo.Silo.Sft;
using Axpo.Training.Chat;
using Axpo.Training.Models;
using Axpo.Training.Sft;
using Shouldly;
using TorchSharp;
using Xunit;

namespace Axpo.Silo.Tests.Sft;

public sealed class TinyModelsTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("gap")]
    [InlineData("tiny")]
    public async Task A_recipe_writes_a_whole_model_folder_that_loads_and_goes_on(string name)
    {
        using var temp = new TempFolder();
        var recipe = Short(name);
        var first = Path.Combine(temp.Path, "first");
        var told = new Last();
        var loss = await TinyModels.TrainAsync(recipe.Job, null, first, merged: false, told, TimeProvider.System, Token);
        loss.ShouldBe(told.Row!.ValidationLoss!.Value);

        using (var decoder = Decoder.Load(first))
        {
            decoder.Config.VocabSize.ShouldBe(ChatFormats.FromFolder(first).VocabularySize);
        }

        var second = Path.Combine(temp.Path, "second");
        (await TinyModels.TrainAsync(recipe.Job, first, second, merged: false, null, TimeProvider.System, Token)).ShouldBeLessThan(loss);
        Directory.GetFileSystemEntries(temp.Path).Length.ShouldBe(2);
    }

    [Fact]
    public async Task An_adapter_is_written_in_PEFTs_format_and_is_a_model_folder_like_the_merged_one()
    {
        using var temp = new TempFolder();
        var recipe = Short("gap");
        var model = Path.Combine(temp.Path, "model");
        await TinyModels.TrainAsync(recipe.Job, null, model, merged: false, null, TimeProvider.System, Token);
        var job = recipe.Job with { Options = recipe.Job.Options with { Lora = new LoraOptions { Rank = 4 } } };
        var (adapter, whole) = (Path.Combine(temp.Path, "adapter"), Path.Combine(temp.Path, "whole"));
        var loss = await TinyModels.TrainAsync(job, model, adapter, merged: false, null, TimeProvider.System, Token);
        (await TinyModels.TrainAsync(job, model, whole, merged: true, null, TimeProvider.System, Token)).ShouldBe(loss);

        File.Exists(Path.Combine(adapter, "adapter_config.json")).ShouldBeTrue();
        File.Exists(Path.Combine(adapter, "model.safetensors")).ShouldBeFalse();
        File.Exists(Path.Combine(whole, "adapter_config.json")).ShouldBeFalse();
        ChatFormats.FromFolder(adapter).VocabularySize.ShouldBe(ChatFormats.FromFolder(whole).VocabularySize);
        using var left = Decoder.Load(adapter);
        using var right = Decoder.Load(whole);
        foreach (var ((name, got), (_, want)) in left.Parameters.Zip(right.Parameters))
        {
            (got - want).abs().max().ToSingle().ShouldBeLessThan(1e-6f, name);
        }
    }

    [Fact]
    public async Task A_folder_that_exists_is_refused_and_left_alone()
    {
        using var temp = new TempFolder();
        var recipe = Short("gap");
        var error = await Should.ThrowAsync<IOException>(() => TinyModels.TrainAsync(recipe.Job, null, temp.Path, merged: false, null, TimeProvider.System, Token));
        error.Message.ShouldContain(temp.Path);
        Directory.GetFileSystemEntries(temp.Path).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_cancelled_training_leaves_nothing_behind()
    {
        using var temp = new TempFolder();
        using var stop = new CancellationTokenSource();
        var recipe = Short("gap");
        await Should.ThrowAsync<OperationCanceledException>(() => TinyModels.TrainAsync(
            recipe.Job, null, Path.Combine(temp.Path, "model"), merged: false, new Last { Then = stop.Cancel }, TimeProvider.System, stop.Token));
        Directory.GetFileSystemEntries(temp.Path).ShouldBeEmpty();
    }

    [Fact]
    public void An_unknown_recipe_names_the_known_ones() =>
        Should.Throw<KeyNotFoundException>(() => SftRecipes.Get("gab")).Message.ShouldBe("sft: there is no recipe 'gab'; one of chains-3, chains-8, chains-8-exact, gap, gap-chains, tiny, tiny-vl, tiny-vl-reading, tiny-vl-suites, tools");

    [Fact]
    public void The_teacher_of_gap_and_chains_slips_in_a_third_of_its_calculations_and_nowhere_else()
    {
        var stage = SftRecipes.Get("gap-chains").Job.Stages[^1];
        TeacherTrace[] traces = [.. Enumerable.Range(0, 4000).Select(i => stage.Draw(Key(i)))];
        TeacherTrace[] calculations = [.. traces.Where(t => t.Question.Suite == "mental-arithmetic" && t.Steps.Count > 0)];
        (calculations.Count(t => t.Answer != t.Question.Answer) / (double)calculations.Length).ShouldBe(.35, .06);
        traces.Except(calculations).ShouldAllBe(t => t.Answer == t.Question.Answer);
        calculations.ShouldAllBe(t => t.Answer == t.Steps.Single().Observation.Trim());
    }

    [Fact]
    public void Recipes_draw_the_same_trace_for_the_same_key_and_train_on_the_training_split_only()
    {
        foreach (var recipe in SftRecipes.Names.Select(SftRecipes.Get))
        {
            // Traces with pictures draw them.
            var count = recipe.Sees ? 40 : 300;
            var held = Enumerable.Range(0, count).Select(i => recipe.Job.Validation(Key(i)).Question.Text).ToHashSet();
            foreach (var stage in recipe.Job.Stages)
            {
                for (var i = 0; i < count; i++)
                {
                    var trace = stage.Draw(Key(i));
                    held.ShouldNotContain(trace.Question.Text);
                    var again = stage.Draw(Key(i));
                    (again.Question.Text, again.Answer).ShouldBe((trace.Question.Text, trace.Answer));
                    again.Steps.Select(s => s with { Images = [] }).ShouldBe(trace.Steps.Select(s => s with { Images = [] }));
                    again.Steps.SelectMany(s => s.Images).Select(f => Convert.ToHexString(f.Span)).ShouldBe(trace.Steps.SelectMany(s => s.Images).Select(f => Convert.ToHexString(f.Span)));
                }
            }
        }
    }

    [Fact]
    public void A_quarter_of_the_gap_traces_of_its_suite_hold_a_call_and_so_do_all_others()
    {
        var stage = SftRecipes.Get("gap").Job.Stages.ShouldHaveSingleItem();
        var traces = Enumerable.Range(0, 2000).Select(i => stage.Draw(Key(i))).ToLookup(t => t.Question.Suite);
        ((double)traces["mental-arithmetic"].Count(t => t.Steps.Count > 0) / traces["mental-arithmetic"].Count()).ShouldBe(.25, .03);
        traces["arithmetic"].Count().ShouldBeInRange(250, 350);
        traces["arithmetic"].ShouldAllBe(t => t.Steps.Count > 0);
    }

    private static ChanceKey Key(int i) => ChanceKey.Root(5).With((ulong)i);

    private static SftRecipe Short(string name)
    {
        var recipe = SftRecipes.Get(name);
        return recipe with
        {
            Job = recipe.Job with
            {
                Options = recipe.Job.Options with { BatchSize = 4, WarmUp = 2, ValidationTraces = 8, ValidateEvery = 4, LearningRate = 1e-3 },
                Stages = [.. recipe.Job.Stages.Select(s => s with { Steps = 4 })],
                Tools = [new ToolSpec("python", "", []), new ToolSpec("web_search", "", [])],
            },
        };
    }

    private sealed class Last : IProgress<SftProgress>
    {
        public SftProgress? Row { get; private set; }

        public Action? Then { get; init; }

        public void Report(SftProgress value)
        {
            Row = value;
            Then?.Invoke();
        }
    }
}
