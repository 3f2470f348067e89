using Axpo.Core;
using Axpo.Training.Generation;
using Axpo.Training.Learning;
using Axpo.Training.Models;
using Axpo.Training.Models.Lora;
using Axpo.Training.Safetensors;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Xunit;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Learning;

/// <summary>A learner that trains an adapter: the model below stays, checkpoints hold the adapter only, and an engine takes them as any other weights.</summary>
public sealed class LoraLearnerTests(TinyModel model) : IClassFixture<TinyModel>
{
    private static readonly RunConfiguration Adapted = new() { Learner = new LearnerOptions { Threads = 1, LearningRate = 1e-2, Minibatches = 1, Lora = new LoraOptions { Rank = 2, Alpha = 4, Targets = "q_proj, v_proj" } } };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_checkpoint_holds_the_adapter_alone_and_loads_as_the_adapted_model()
    {
        using var learner = await Learner.StartAsync(model.Folder, Adapted, Token);
        await learner.UpdateAsync(Batches.Random(model.Tokenizer.Size, 4, 2, 1), Token);
        var folder = model.Scratch("adapter");
        var saved = await learner.SaveAsync(folder, Token);
        File.Exists(Path.Combine(folder, ModelWeights.FileName)).ShouldBeFalse();
        SafetensorsFile.ReadHeader(Path.Combine(folder, ModelWeights.AdapterName)).Count.ShouldBe(2 * 2 * 2);
        SafetensorsFile.ReadHeader(Path.Combine(folder, "optimizer.safetensors")).Keys.ShouldAllBe(k => !k.Contains("embed", StringComparison.Ordinal));
        saved.Sha256.ShouldBe(ModelWeights.Sha256(folder));

        using var plain = Decoder.Load(model.Folder);
        using var adapted = Decoder.Load(folder);
        using var scope = NewDisposeScope();
        foreach (var ((name, before), (_, after)) in plain.Parameters.Zip(adapted.Parameters))
        {
            var difference = Fixtures.Difference(after, before);
            (difference > 0).ShouldBe(name.Contains("q_proj", StringComparison.Ordinal) || name.Contains("v_proj", StringComparison.Ordinal), name);
        }

        await using var engine = await PolicyEngine.StartAsync(model.Folder, new EngineOptions { KvMebibytes = 16 }, TimeProvider.System, NullLogger<PolicyEngine>.Instance, cancellationToken: Token);
        (await engine.PublishAsync(new WeightsVersion(1, 1, folder, saved.Sha256), Token)).ShouldBeTrue();
    }

    [Fact]
    public async Task Going_on_from_a_checkpoint_equals_going_on()
    {
        var (first, second) = (Batches.Random(model.Tokenizer.Size, 4, 2, 1), Batches.Random(model.Tokenizer.Size, 4, 2, 2, "c", 2));
        using var straight = await Learner.StartAsync(model.Folder, Adapted, Token);
        await straight.UpdateAsync(first, Token);
        var folder = model.Scratch("half");
        await straight.SaveAsync(folder, Token);
        await straight.UpdateAsync(second, Token);

        using var resumed = await Learner.StartAsync(model.Folder, Adapted, Token);
        await resumed.LoadAsync(folder, Token);
        resumed.Step.ShouldBe(1);
        await resumed.UpdateAsync(second, Token);
        (await straight.SaveAsync(model.Scratch("one"), Token)).Sha256.ShouldBe((await resumed.SaveAsync(model.Scratch("two"), Token)).Sha256);
    }

    [Fact]
    public async Task The_reference_is_the_model_without_the_adapter()
    {
        var batch = Batches.Random(model.Tokenizer.Size, 4, 2, 1);
        using var learner = await Learner.StartAsync(model.Folder, Adapted with { Objective = Adapted.Objective with { KlWeight = .1 } }, Token);
        (await learner.UpdateAsync(batch, Token)).Kl.ShouldBe(0, 1e-9);
        (await learner.UpdateAsync(batch with { Id = "again", Step = 2 }, Token)).Kl.ShouldBeGreaterThan(0);
    }

    [Fact]
    public async Task A_batch_that_fails_leaves_the_adapter_as_it_was()
    {
        using var learner = await Learner.StartAsync(model.Folder, Adapted, Token);
        var before = await learner.SaveAsync(model.Scratch("before"), Token);
        var batch = Batches.Random(model.Tokenizer.Size, 4, 2, 1);
        var broken = batch with
        {
            Sequences = [.. batch.Sequences.Select(s => new TrainSequence
            {
                Id = s.Id, Question = s.Question, Tokens = s.Tokens, IsLoss = s.IsLoss, Weight = s.Weight, BehaviorLogProbs = s.BehaviorLogProbs,
                Advantages = [.. s.Advantages.Select(_ => double.NaN)],
            })],
        };
        await Should.ThrowAsync<InvalidOperationException>(() => learner.UpdateAsync(broken, Token));
        (await learner.SaveAsync(model.Scratch("after"), Token)).Sha256.ShouldBe(before.Sha256);
    }

    [Fact]
    public void An_adapter_whose_model_is_gone_says_so()
    {
        var folder = Directory.CreateDirectory(model.Scratch("orphan")).FullName;
        using (var decoder = Decoder.Load(model.Folder))
        using (var adapter = LoraAdapter.Create(LoraShape.Of(new LoraOptions { Rank = 1 }, model.Scratch("nowhere"))!, decoder.Config, 1, CPU))
        {
            adapter.SaveInto(folder);
        }

        Should.Throw<FileNotFoundException>(() => Decoder.Load(folder)).Message.ShouldContain("base_model_name_or_path");
    }
}
