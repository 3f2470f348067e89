using Axpo.Core;
using Axpo.Training.Learning;
using Axpo.Training.Models;
using Shouldly;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Learning;

/// <summary>Rows that sequences share change neither log-probs nor gradients, whatever loss the sequences put on them.</summary>
public sealed class SharedPrefixTests(TinyModel model) : IClassFixture<TinyModel>
{
    // Forks, forks of forks, one that another goes on from, one twice, one by itself.
    private static readonly (int From, int At, int Length)[] Forks = [(0, 0, 40), (0, 21, 35), (1, 30, 44), (1, 30, 33), (0, 40, 52), (4, 52, 52), (0, 1, 20), (0, 0, 17)];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Log_probs_and_gradients_are_those_of_whole_sequences(bool checkpointing)
    {
        using var scope = NewDisposeScope();
        using var decoder = Decoder.Load(model.Folder);
        foreach (var (_, value) in decoder.Parameters)
        {
            value.requires_grad_(true);
        }

        var sequences = Sequences();
        var (want, wantGradients) = Pass(decoder, new PackedBatch(sequences, CPU), sequences, false);
        var pack = new PackedBatch(sequences, CPU, shares: true);
        var (got, gradients) = Pass(decoder, pack, sequences, checkpointing);
        pack.Tokens.ShouldBe(sequences.SelectMany(s => Enumerable.Range(1, s.Length).Select(n => string.Join(' ', s.Take(n)))).Distinct(StringComparer.Ordinal).Count());
        got.Zip(want).ShouldAllBe(p => Math.Abs(p.First - p.Second) < 1e-5);
        foreach (var (name, gradient) in wantGradients)
        {
            (gradients[name] - gradient).norm().ToDouble().ShouldBeLessThanOrEqualTo(1e-5 * gradient.norm().ToDouble(), name);
        }

        using var guard = no_grad();
        new PolicyPass(decoder, pack, Chosen(pack, sequences), 1).LogProbs.data<float>().ToArray().ShouldBe(got);
    }

    [Theory]
    [InlineData(1, 8192)]
    [InlineData(3, 100)]
    public async Task Updates_are_those_of_a_learner_that_shares_nothing(int threads, int cut)
    {
        var sequences = Sequences();
        var batch = Batches.Random(model.Tokenizer.Size, 1, sequences.Length, 3);
        batch = batch with
        {
            Sequences = [.. sequences.Select((tokens, i) => new TrainSequence
            {
                Id = batch.Sequences[i].Id,
                Question = 0,
                Tokens = tokens,
                IsLoss = [.. tokens.Select((_, t) => t >= 3 && t % 5 != 0)],
                Weight = 1.0 / sequences.Length,
                Advantages = [.. tokens.Select((_, t) => Math.Sin((i * 3) + t))],
                BehaviorLogProbs = [.. tokens.Select((_, t) => -3f - (.1f * ((t + i) % 4)))],
            })],
        };
        using var sharing = await Start(threads, cut, false);
        using var whole = await Start(threads, cut, true);
        using var got = new GradientSet(await sharing.GradientsAsync(batch, null, Token));
        using var want = new GradientSet(await whole.GradientsAsync(batch, null, Token));
        got.Loss.ShouldBe(want.Loss, 1e-6);
        got.FarthestFrom(want).ShouldBeLessThanOrEqualTo(1e-5);
        var (update, plain) = (await sharing.UpdateAsync(batch, Token), await whole.UpdateAsync(batch, Token));
        update.Entropy.ShouldBe(plain.Entropy, 1e-5);
        update.MismatchMean.ShouldBe(plain.MismatchMean, 1e-4);
        update.LossTokens.ShouldBe(plain.LossTokens);
    }

    [Fact]
    public void Autograds_attention_refuses_shared_rows()
    {
        using var scope = NewDisposeScope();
        using var decoder = Decoder.Load(model.Folder);
        Should.Throw<InvalidOperationException>(() => new PackedBatch(Sequences(), CPU, shares: true).Attention(decoder));
    }

    [Theory]
    [InlineData(64, 1, false)]
    [InlineData(64, 3, false)]
    [InlineData(64, 3, true)]
    [InlineData(1_000, 2, true)]
    [InlineData(10, 2, true)]
    public void A_cut_holds_every_sequence_once_and_no_more_rows_than_it_may(int most, int workers, bool shares)
    {
        using var scope = NewDisposeScope();
        var sequences = Sequences();
        var micros = MicroBatches.Cut([.. Enumerable.Range(0, sequences.Length)], i => sequences[i], most, workers, shares);
        micros.SelectMany(m => m).Order().ShouldBe(Enumerable.Range(0, sequences.Length));
        micros.Count.ShouldBeGreaterThanOrEqualTo(Math.Min(workers, sequences.Length));
        micros.ShouldAllBe(m => m.Count == 1 || new PackedBatch(m.Select(i => sequences[i]).ToArray(), CPU, shares).Tokens <= most);
        MicroBatches.Cut<int>([], i => sequences[i], most, workers, shares).ShouldBeEmpty();
    }

    private static Tensor Chosen(PackedBatch pack, int[][] sequences) =>
        tensor(sequences.SelectMany((s, i) => Enumerable.Range(1, s.Length - 1).Select(t => (long)pack.RowOf(i, t))).ToArray());

    private static (float[] LogProbs, Dictionary<string, Tensor> Gradients) Pass(Decoder decoder, PackedBatch pack, int[][] sequences, bool checkpointing)
    {
        var weights = tensor(sequences.SelectMany((s, i) => Enumerable.Range(1, s.Length - 1).Select(t => (float)Math.Sin((i * 5) + t))).ToArray());
        var pass = new PolicyPass(decoder, pack, Chosen(pack, sequences), 1, checkpointing: checkpointing);
        (pass.LogProbs * weights).sum().backward();
        pass.Backward();
        var gradients = decoder.Parameters.ToDictionary(p => p.Name, p => p.Value.grad!.clone(), StringComparer.Ordinal);
        foreach (var (_, value) in decoder.Parameters)
        {
            value.grad = null;
        }

        return (pass.LogProbs.detach().data<float>().ToArray(), gradients);
    }

    private int[][] Sequences()
    {
        var chance = ChanceKey.Root(9).Stream();
        var made = new List<int[]>();
        foreach (var (from, at, length) in Forks)
        {
            made.Add([.. made.Count == 0 ? [] : made[from].Take(at), .. Enumerable.Range(0, length - at).Select(_ => chance.Next(model.Tokenizer.Size))]);
        }

        return [.. made];
    }

    private Task<Learner> Start(int threads, int cut, bool deterministic) => Learner.StartAsync(
        model.Folder,
        new RunConfiguration
        {
            Engine = new EngineOptions { Deterministic = deterministic },
            Objective = new ObjectiveOptions { EntropyWeight = .01, KlWeight = .1 },
            Learner = new LearnerOptions { Threads = threads, MicroBatchTokens = cut, Minibatches = 1 },
        },
        Token);
}
