using Axpo.Core;
using Axpo.Training.Learning;
using Axpo.Training.Models;
using Shouldly;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Learning;

public sealed class CheckpointingTests(TinyModel model) : IClassFixture<TinyModel>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(100_000, 0)]
    [InlineData(128, .01)]
    public async Task Gradients_are_the_same_bits(int cut, double entropy)
    {
        var batch = Batches.Random(model.Tokenizer.Size, 4, 3, 17, mismatch: [-.3, 0, .3]);
        using var kept = await Start(cut, entropy, false);
        using var again = await Start(cut, entropy, true);
        using var want = new GradientSet(await kept.GradientsAsync(batch, null, Token));
        using var got = new GradientSet(await again.GradientsAsync(batch, null, Token));
        want.Of.Values.ShouldAllBe(g => g.count_nonzero().ToInt64() > 0);
        got.ShouldBeBitEqualTo(want);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Layers_keep_nothing_but_their_inputs(bool checkpointing)
    {
        using var scope = NewDisposeScope();
        using var decoder = Decoder.Load(model.Folder);
        foreach (var (_, value) in decoder.Parameters)
        {
            value.requires_grad_(true);
        }

        var pack = new PackedBatch([[1, 2, 3, 4, 5], [6, 7, 8]], CPU);
        var pass = new PolicyPass(decoder, pack, tensor(new long[] { 2, 3, 6 }), 1, checkpointing: checkpointing);
        pass.LogProbs.sum().backward();
        using (no_grad())
        {
            // A layer that is computed again sees weights that were written to meanwhile: nothing passes its gate any more.
            Last("gate_proj.weight").zero_();
        }

        pass.Backward();
        (Last("down_proj.weight").grad!.count_nonzero().ToInt64() == 0).ShouldBe(checkpointing);

        Tensor Last(string name) => decoder.Parameters.Last(p => p.Name.EndsWith(name, StringComparison.Ordinal)).Value;
    }

    private Task<Learner> Start(int cut, double entropy, bool checkpointing) => Learner.StartAsync(
        model.Folder,
        new RunConfiguration { Objective = new ObjectiveOptions { EntropyWeight = entropy, KlWeight = .1 }, Learner = new LearnerOptions { Threads = 1, MicroBatchTokens = cut, Checkpointing = checkpointing } },
        Token);
}
