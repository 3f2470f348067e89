using Axpo.Core;
using Axpo.Training.Chat;
using Axpo.Training.Models;
using Axpo.Training.Models.Lora;
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
        var loss = await Trainer(decoder, Options, [new SftStage("a", 15, Draw), new SftStage("b", 25, Draw)], Draw).RunAsync(told, Token);

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
        await Trainer(decoder, options, [new SftStage("s", 1, Always)], Always).RunAsync(told, Token);

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
        await Trainer(decoder, Options with { ByLength = byLength }, [new SftStage("s", 24, Draw)], Draw).RunAsync(told, Token);
        live.Skip(2).ShouldAllBe(count => count == live[2]);
    }

    [Fact]
    public async Task A_cancelled_training_stops_at_the_next_step()
    {
        using var decoder = Decoder.Load(_model.Folder);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var told = new Told { Then = row => { if (row.Step == 3) { stop.Cancel(); } } };
        await Should.ThrowAsync<OperationCanceledException>(() =>
            Trainer(decoder, Options, [new SftStage("s", 40, Draw)], Draw).RunAsync(told, stop.Token));
        told.Rows.Count.ShouldBe(3);
    }

    [Fact]
    public async Task A_rate_that_blows_up_is_an_error_that_names_it()
    {
        using var decoder = Decoder.Load(_model.Folder);
        var error = await Should.ThrowAsync<InvalidOperationException>(() =>
            Trainer(decoder, Options with { LearningRate = 1e30, WarmUp = 0 }, [new SftStage("s", 10, Draw)], Draw).RunAsync(null, Token));
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

    [Fact]
    public async Task Workers_micro_batches_and_shared_prefixes_change_nothing_but_rounding()
    {
        var options = Options with { BatchSize = 16, LearningRate = 1e-4, WarmUp = 1 };
        var whole = await LossesAfter(options);
        foreach (var cut in new[] { options with { Threads = 3 }, options with { MicroBatchTokens = 64, Threads = 2 } })
        {
            foreach (var (got, want) in (await LossesAfter(cut)).Zip(whole))
            {
                got.ShouldBe(want, 1e-5);
            }
        }
    }

    [Fact]
    public async Task Of_an_adapted_decoder_the_adapter_alone_is_trained()
    {
        using var decoder = Decoder.Load(_model.Folder);
        using var before = decoder.Clone();
        decoder.Attach(LoraAdapter.Create(LoraShape.Of(new LoraOptions { Rank = 4, Alpha = 8 }, _model.Folder)!, decoder.Config, 1, decoder.Device));
        var told = new Told();
        var loss = await Trainer(decoder, Options with { Threads = 2 }, [new SftStage("s", 40, Draw)], Draw).RunAsync(told, Token);
        loss.ShouldBeLessThan(told.Rows[0].Loss);
        foreach (var ((name, now), (_, then)) in decoder.Parameters.Zip(before.Parameters))
        {
            Fixtures.Difference(now, then).ShouldBe(0, name);
        }

        decoder.Trained.ShouldAllBe(p => !p.Value.requires_grad);
        decoder.Trained.Where(p => p.Name.EndsWith("lora_B.weight", StringComparison.Ordinal)).ShouldAllBe(p => p.Value.abs().max().ToSingle() > 0);
    }

    [Fact]
    public async Task Tokens_without_weight_are_not_predicted_and_tools_reach_the_prompt()
    {
        var chat = new Offers(_chat);
        TeacherTrace Offering(ChanceKey key) => Draw(key) is var trace ? trace with { Question = trace.Question with { Tools = ["python"] } } : null!;
        SftJob Job(params ToolSpec[] tools) => new(Options with { OtherWeight = 0 }, [new SftStage("s", 2, Offering)], Offering) { Tools = tools };
        using var decoder = Decoder.Load(_model.Folder);
        await new SftTrainer(decoder, chat, Job(new ToolSpec("python", "", []), new ToolSpec("other", "", [])), TimeProvider.System).RunAsync(null, Token);
        chat.Offered.ShouldNotBeEmpty();
        chat.Offered.ShouldAllBe(t => t == "python");

        var error = await Should.ThrowAsync<ArgumentException>(() => new SftTrainer(decoder, chat, Job(new ToolSpec("other", "", [])), TimeProvider.System).RunAsync(null, Token));
        error.Message.ShouldContain("the tool 'python', which is not among those given: other");
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

    private SftTrainer Trainer(Decoder decoder, SftOptions options, IReadOnlyList<SftStage> stages, Func<ChanceKey, TeacherTrace> validation) =>
        new(decoder, _chat, new SftJob(options, stages, validation), TimeProvider.System);

    private async Task<double[]> LossesAfter(SftOptions options)
    {
        using var decoder = Decoder.Load(_model.Folder);
        var told = new Told();
        await Trainer(decoder, options, [new SftStage("s", 4, Draw)], Draw).RunAsync(told, Token);
        return [.. told.Rows.Select(r => r.Loss), told.Rows[^1].ValidationLoss!.Value];
    }

    private async Task<float[]> WeightsAfter(SftOptions options)
    {
        using var decoder = Decoder.Load(_model.Folder);
        await Trainer(decoder, options, [new SftStage("s", 6, Draw)], Draw).RunAsync(null, Token);
        return [.. decoder.Parameters.SelectMany(p => p.Value.detach().contiguous().data<float>().ToArray())];
    }

    /// <summary>A format that remembers which tools the traces offered.</summary>
    private sealed class Offers(IChatFormat inner) : IChatFormat
    {
        public List<string> Offered { get; } = [];

        public int VocabularySize => inner.VocabularySize;

        public int[] StopTokens => inner.StopTokens;

        public int[][] StopSequences => inner.StopSequences;

        public EncodedPiece EncodePrompt(Question question, IReadOnlyList<ToolSpec> tools, IReadOnlyList<ImageRef>? images = null) => inner.EncodePrompt(question, tools);

        public EncodedPiece EncodeObservation(string toolName, ToolResult result, bool turnIsClosed) => inner.EncodeObservation(toolName, result, turnIsClosed);

        public ParsedTurn ParseTurn(ReadOnlySpan<int> prefix, ReadOnlySpan<int> tokens) => inner.ParseTurn(prefix, tokens);

        public EncodedPiece EncodeTrace(TeacherTrace trace, IReadOnlyList<ToolSpec> tools, IReadOnlyList<IReadOnlyList<ImageRef>>? images = null)
        {
            Offered.AddRange(tools.Select(t => t.Name));
            return inner.EncodeTrace(trace, tools);
        }

        public string Decode(ReadOnlySpan<int> tokens) => inner.Decode(tokens);
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
