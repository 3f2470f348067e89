using System.Runtime.InteropServices;
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
            // A history that holds this weight sees that it was written to.
            decoder.Parameters.First(p => p.Name.EndsWith("down_proj.weight", StringComparison.Ordinal)).Value.zero_();
        }

        if (checkpointing)
        {
            pass.Backward();
        }
        else
        {
            Should.Throw<ExternalException>(pass.Backward).Message.ShouldContain("modified by an inplace operation");
        }
    }

    private Task<Learner> Start(int cut, double entropy, bool checkpointing) => Learner.StartAsync(
        model.Folder,
        new RunConfiguration { Objective = new ObjectiveOptions { EntropyWeight = entropy, KlWeight = .1 }, Learner = new LearnerOptions { Threads = 1, MicroBatchTokens = cut, Checkpointing = checkpointing } },
        Token);
}
