using Axpo.Training.Learning;
using Axpo.Training.Native;
using Shouldly;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Learning;

public sealed class HeadPassTests
{
    private const long Limit = 64L << 20;

    [Theory]
    [InlineData(EntropyUse.None)]
    [InlineData(EntropyUse.Value)]
    [InlineData(EntropyUse.Gradient)]
    public void Values_and_gradients_are_those_of_the_whole_softmax(EntropyUse use)
    {
        LibtorchLoader.EnsureLoaded();
        using var scope = NewDisposeScope();
        const int Vocabulary = 40_000;
        var rows = 2 * HeadPass.RowsPerChunk(Vocabulary) + 7;
        var generator = new Generator(3);
        var weight = (randn([Vocabulary, 8], generator: generator) * 2).requires_grad_(true);
        var hidden = randn([rows, 8], generator: generator).requires_grad_(true);
        var targets = randint(Vocabulary, [rows], generator: generator);
        var upstream = randn([rows], generator: generator);

        var all = nn.functional.linear(hidden, weight).Over(.7).log_softmax(-1);
        var logProbs = all.gather(1, targets.unsqueeze(1)).squeeze(1);
        var entropies = -(all.exp() * all).sum(-1);
        var loss = (logProbs * upstream).sum();
        (use == EntropyUse.Gradient ? loss - (entropies * upstream).sum() : loss).backward();
        var (wantWeight, wantHidden) = (weight.grad!.clone(), hidden.grad!.clone());
        weight.grad = null;

        var pass = new HeadPass(h => nn.functional.linear(h, weight), Vocabulary, hidden, targets, .7, use);
        var chunked = (pass.LogProbs * upstream).sum();
        (use == EntropyUse.Gradient ? chunked - (pass.Entropies! * upstream).sum() : chunked).backward();
        var gotHidden = pass.Backward();

        Far(pass.LogProbs, logProbs).ShouldBeLessThanOrEqualTo(1e-6);
        (pass.Entropies is null).ShouldBe(use == EntropyUse.None);
        if (pass.Entropies is { } got)
        {
            Far(got, entropies).ShouldBeLessThanOrEqualTo(1e-6);
        }

        Far(gotHidden, wantHidden).ShouldBeLessThanOrEqualTo(1e-6);
        Far(weight.grad!, wantWeight).ShouldBeLessThanOrEqualTo(1e-6);

        static double Far(Tensor got, Tensor want) => (got - want).norm().ToDouble() / want.norm().ToDouble();
    }

    [Theory]
    [InlineData(1_247, false)]
    [InlineData(150_000, true)]
    public void No_logits_take_more_than_64_MiB_and_none_are_kept_where_they_are_cut(int vocabulary, bool isCut)
    {
        LibtorchLoader.EnsureLoaded();
        using var scope = NewDisposeScope();
        const int Rows = 500;
        var weight = randn(vocabulary, 4).requires_grad_(true);
        List<(long Bytes, bool Graph)> made = [];
        var pass = new HeadPass(Head, vocabulary, randn(Rows, 4), randint(vocabulary, [Rows]), 1, EntropyUse.Gradient);
        var forward = made.ToList();
        (pass.LogProbs.sum() - pass.Entropies!.sum()).backward();
        pass.Backward();

        made.ShouldAllBe(m => m.Bytes <= Limit);
        forward.Sum(m => m.Bytes).ShouldBe((long)Rows * vocabulary * sizeof(float));
        forward.ShouldAllBe(m => m.Graph == !isCut);
        made.Skip(forward.Count).Sum(m => m.Bytes).ShouldBe(isCut ? (long)Rows * vocabulary * sizeof(float) : 0);
        made.Skip(forward.Count).ShouldAllBe(m => m.Graph);

        Tensor Head(Tensor rows)
        {
            var logits = nn.functional.linear(rows, weight);
            made.Add((logits.numel() * logits.ElementSize, logits.requires_grad));
            return logits;
        }
    }

    [Fact]
    public void Without_gradients_nothing_requires_one()
    {
        LibtorchLoader.EnsureLoaded();
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var weight = randn(50, 4).requires_grad_(true);
        var pass = new HeadPass(h => nn.functional.linear(h, weight), 50, randn(9, 4), randint(50, [9]), 1, EntropyUse.Gradient);
        pass.LogProbs.requires_grad.ShouldBeFalse();
        pass.Entropies!.requires_grad.ShouldBeFalse();
    }
}
