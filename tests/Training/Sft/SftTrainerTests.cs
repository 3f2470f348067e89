using Axpo.Core;
using Axpo.Training.Chat;
using Axpo.Training.Models;
using Axpo.Training.Optim;
using Axpo.Training.Sft;
using Shouldly;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Sft;

public sealed class SftTrainerTests : IClassFixture<TinyModel>
{
    private static readonly SftOptions Options = new() { BatchSize = 4, ScheduleSteps = 40, WarmUp = 4, LearningRate = 5e-3, ValidateEvery = 10, ValidationTraces = 16, Threads = 1 };

    private readonly TinyModel _model;
    private readonly TinyChatFormat _chat;

    public SftTrainerTests(TinyModel model) => (_model, _chat) = (model, new TinyChatFormat(model.Tokenizer));

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_loss_falls_and_every_step_is_told()
    {
        using var decoder = Decoder.Load(_model.Folder);
        var told = new Told();
        var loss = await new SftTrainer(decoder, _chat, Options, TimeProvider.System).RunAsync([new SftStage("a", 15, Draw), new SftStage("b", 25, Draw)], Draw, told, Token);

        told.Rows.Select(r => r.Step).ShouldBe(Enumerable.Range(1, 40));
        told.Rows.Select(r => r.Stage).ShouldBe(Enumerable.Repeat("a", 15).Concat(Enumerable.Repeat("b", 25)));
        told.Rows.ShouldAllBe(r => r.Steps == 40 && r.Tokens > 0 && r.TokensPerSecond > 0);
        told.Rows.ShouldAllBe(r => (r.Step < 10) == (r.ValidationLoss == null));
        loss.ShouldBe(told.Rows[^1].ValidationLoss!.Value);
        loss.ShouldBeLessThan(told.Rows[0].Loss / 2);
        decoder.Parameters.ShouldAllBe(p => !p.Value.requires_grad);
    }

    [Fact]
    public async Task The_same_seed_gives_the_same_weights_bit_for_bit_and_another_seed_others()
    {
        var first = await WeightsAfter(Options);
        (await WeightsAfter(Options)).ShouldBe(first);
        (await WeightsAfter(Options with { Seed = 2 })).ShouldNotBe(first);
    }

    [Fact]
    public async Task A_step_equals_the_plain_formula_sequence_by_sequence()
    {
        var options = Options with { BatchSize = 1, WarmUp = 1, OtherWeight = .25 };
        TeacherTrace Always(ChanceKey key) => Sum(7, 5, useTool: true);
        using var decoder = Decoder.Load(_model.Folder);
        var told = new Told();
        await new SftTrainer(decoder, _chat, options, TimeProvider.System).RunAsync([new SftStage("s", 1, Always)], Always, told, Token);

        using var plain = Decoder.Load(_model.Folder);
        using var optimizer = new FusedAdamW(plain.Parameters, new AdamWOptions { Beta1 = options.Beta1, Beta2 = options.Beta2, WeightDecay = options.WeightDecay });
        var piece = _chat.EncodeTrace(Always(default), []);
        var ids = tensor(piece.Tokens.Select(t => (long)t).ToArray());
        var logits = plain.Logits(plain.Forward(ids, arange(ids.shape[0], ScalarType.Int64), CausalAttention.Packed([piece.Tokens.Length], plain.Config)));
        var logProbs = logits.log_softmax(-1);
        var (loss, weight, sampledLoss, sampled) = (tensor(0f), 0.0, 0.0, 0);
        foreach (var segment in piece.Segments)
        {
            for (var t = Math.Max(1, segment.Start); t < segment.End; t++)
            {
                var own = segment.IsSampled ? 1.0 : .25;
                loss -= own * logProbs[t - 1, piece.Tokens[t]];
                weight += own;
                if (segment.IsSampled)
                {
                    sampledLoss -= logProbs[t - 1, piece.Tokens[t]].ToDouble();
                    sampled++;
                }
            }
        }

        (loss / weight).backward();
        optimizer.ClipGlobalNorm(options.GradientClip);
        optimizer.Step(options.Rate.At(0));

        told.Rows[0].Loss.ShouldBe(sampledLoss / sampled, 1e-5);
        foreach (var ((name, got), (_, want)) in decoder.Parameters.Zip(plain.Parameters))
        {
            Fixtures.Difference(got.detach(), want.detach()).ShouldBeLessThan(2e-4, name);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task No_tensor_outlives_its_step(bool byLength)
    {
        using var decoder = Decoder.Load(_model.Folder);
        var live = new List<long>();
        var told = new Told { Then = _ => live.Add(DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount) };
        await new SftTrainer(decoder, _chat, Options with { ByLength = byLength }, TimeProvider.System).RunAsync([new SftStage("s", 24, Draw)], Draw, told, Token);
        live.Skip(2).ShouldAllBe(count => count == live[2]);
    }

    [Fact]
    public async Task A_cancelled_training_stops_at_the_next_step()
    {
        using var decoder = Decoder.Load(_model.Folder);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var told = new Told { Then = row => { if (row.Step == 3) { stop.Cancel(); } } };
        await Should.ThrowAsync<OperationCanceledException>(() =>
            new SftTrainer(decoder, _chat, Options, TimeProvider.System).RunAsync([new SftStage("s", 40, Draw)], Draw, told, stop.Token));
        told.Rows.Count.ShouldBe(3);
    }

    [Fact]
    public async Task A_rate_that_blows_up_is_an_error_that_names_it()
    {
        using var decoder = Decoder.Load(_model.Folder);
        var error = await Should.ThrowAsync<InvalidOperationException>(() =>
            new SftTrainer(decoder, _chat, Options with { LearningRate = 1e30, WarmUp = 0 }, TimeProvider.System).RunAsync([new SftStage("s", 10, Draw)], Draw, null, Token));
        error.Message.ShouldContain("lower the learning rate");
    }

    [Fact]
    public void The_rate_warms_up_then_falls_along_a_cosine()
    {
        var options = new SftOptions { ScheduleSteps = 1050, WarmUp = 50, LearningRate = 2e-3, FinalShare = .05 };
        options.Rate.At(0).ShouldBe(2e-3 / 50, 1e-12);
        options.Rate.At(49).ShouldBe(2e-3, 1e-12);
        options.Rate.At(50).ShouldBe(2e-3, 1e-12);
        options.Rate.At(550).ShouldBe(2e-3 * (.05 + (.95 / 2)), 1e-9);
        options.Rate.At(1050).ShouldBe(1e-4, 1e-12);
        options.Rate.At(5000).ShouldBe(1e-4, 1e-12);
        Enumerable.Range(50, 1000).ShouldAllBe(s => options.Rate.At(s + 1) < options.Rate.At(s));
    }

    private static TeacherTrace Draw(ChanceKey key)
    {
        var chance = key.Stream();
        return Sum(chance.Next(10), chance.Next(10), chance.Next(4) == 0);
    }

    private static TeacherTrace Sum(int a, int b, bool useTool)
    {
        var question = new Question { Id = "q", Suite = "s", Category = "reasoning", Text = $"What is {a} plus {b}?", Answer = $"{a + b}", Verifier = "numeric" };
        return useTool
            ? new TeacherTrace(question, [new TeacherStep("use python", "python", $$"""{"code":"print({{a}}+{{b}})"}""", question.Answer)], null, question.Answer)
            : new TeacherTrace(question, [], "I can do it", question.Answer);
    }

    private async Task<float[]> WeightsAfter(SftOptions options)
    {
        using var decoder = Decoder.Load(_model.Folder);
        await new SftTrainer(decoder, _chat, options, TimeProvider.System).RunAsync([new SftStage("s", 6, Draw)], Draw, null, Token);
        return [.. decoder.Parameters.SelectMany(p => p.Value.detach().contiguous().data<float>().ToArray())];
    }

    private sealed class Told : IProgress<SftProgress>
    {
        public List<SftProgress> Rows { get; } = [];

        public Action<SftProgress>? Then { get; init; }

        public void Report(SftProgress value)
        {
            Rows.Add(value);
            Then?.Invoke(value);
        }
    }
}
