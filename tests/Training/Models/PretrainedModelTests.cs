using Axpo.Training.Chat;
using Axpo.Training.Learning;
using Axpo.Training.Models;
using Axpo.Training.Safetensors;
using Axpo.Training.Tokenization;
using Shouldly;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Models;

/// <summary>A real pretrained model (AXPO_MODELS) against transformers' own numbers of it: text, ids, log-probs and greedy choices, in one pass of either path, packed, and through the learner's pass.</summary>
[Trait("Category", "Parity")]
[Trait("Family", "smollm2")]
public sealed class PretrainedModelTests(PretrainedModelTests.Model model) : IClassFixture<PretrainedModelTests.Model>
{
    private const double Tolerance = 1e-3;

    // Rows of which logits are held at once, and tokens of a pack whose layers are all kept for a backward pass.
    private const int Rows = 128;
    private const int KeptTokens = 1024;

    public static TheoryData<string> Files => PretrainedCase.Files;

    [Theory]
    [MemberData(nameof(Files))]
    public void Messages_become_the_text_and_its_ids(string file)
    {
        var cases = PretrainedCase.Of(file);
        var folder = PretrainedFolder.Require();
        var (template, tokenizer) = (ChatTemplate.FromFolder(folder), TextTokenizer.FromFolder(folder));
        var wrong = new Mismatches(0);
        foreach (var item in cases)
        {
            if (item.Messages is { } messages)
            {
                var text = template.Render(messages, null, addGenerationPrompt: true, enableThinking: null);
                wrong.Same($"{item.Name} text", text.Value, item.Text ?? text.Value);
                wrong.Same($"{item.Name} ids", Ids(tokenizer.Encode(text.Value, text.Untrusted)), Ids(item.Ids));
            }

            if (item.Text is { } said)
            {
                wrong.Same($"{item.Name} ids of the text", Ids(tokenizer.EncodeTrusted(said)), Ids(item.Ids));
            }

            if (item.GreedyText is { } greedy)
            {
                wrong.Same($"{item.Name} greedy text", tokenizer.Decode(item.GreedyIds, skipSpecial: !greedy.Contains("<|", StringComparison.Ordinal)), greedy);
            }
        }

        wrong.Found.ShouldBeEmpty();
        wrong.Compared.ShouldBeGreaterThanOrEqualTo(cases.Length);

        static string Ids(int[] ids) => string.Join(',', ids);
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void One_pass_through_autograds_layers(string file) => OnePass(file, autograd: true);

    [Theory]
    [MemberData(nameof(Files))]
    public void One_pass_through_the_fused_layers(string file) => OnePass(file, autograd: false);

    [Theory]
    [MemberData(nameof(Files))]
    public void Packs_of_two_and_the_learners_log_probs(string file)
    {
        var cases = PretrainedCase.Of(file);
        var decoder = model.Decoder;
        var wrong = new Mismatches(Tolerance);
        foreach (var pair in cases.Chunk(2))
        {
            int[][] sequences = [.. pair.Select(c => c.Whole)];
            var checkpointing = sequences.Sum(s => s.Length) > KeptTokens;
            foreach (var (shares, trains) in new[] { (false, false), (true, false), (true, true) })
            {
                using var scope = NewDisposeScope();
                using var guard = set_grad_enabled(trains);
                var pack = new PackedBatch(sequences, CPU, shares);
                var chosen = sequences.SelectMany((s, i) => Enumerable.Range(1, s.Length - 1).Select(t => (long)pack.RowOf(i, t))).ToArray();
                var logProbs = new PolicyPass(decoder, pack, tensor(chosen), temperature: 1, checkpointing: checkpointing).LogProbs.data<float>().ToArray();
                var at = 0;
                foreach (var item in pair)
                {
                    Compare(wrong, $"{item.Name}, {(shares ? "shared rows" : "end to end")}, {(trains ? "training" : "inference")}", item, logProbs[at..(at += item.Whole.Length - 1)]);
                }
            }
        }

        wrong.Found.ShouldBeEmpty();
        wrong.Compared.ShouldBeGreaterThan(cases.Length);
    }

    [Fact]
    public void Saved_it_is_the_same_model_and_saved_again_the_same_bytes()
    {
        var decoder = model.Decoder;
        var root = Directory.CreateTempSubdirectory("axpo-test-").FullName;
        try
        {
            var (once, twice) = (Path.Combine(root, "once"), Path.Combine(root, "twice"));
            decoder.Save(once);
            using (var again = Decoder.Load(once))
            {
                again.Config.ShouldBe(decoder.Config);
                foreach (var ((_, want), (name, got)) in decoder.Parameters.Zip(again.Parameters))
                {
                    equal(got, want).all().item<bool>().ShouldBeTrue(name);
                }

                again.Save(twice);
            }

            Directory.GetFiles(once).Select(Path.GetFileName).Order(StringComparer.Ordinal).ShouldBe(Directory.GetFiles(twice).Select(Path.GetFileName).Order(StringComparer.Ordinal));
            ModelWeights.Sha256(twice).ShouldBe(ModelWeights.Sha256(once));
            File.ReadAllText(Path.Combine(twice, "config.json")).ShouldBe(File.ReadAllText(Path.Combine(once, "config.json")));
            File.ReadAllText(Path.Combine(twice, "generation_config.json")).ShouldBe(File.ReadAllText(Path.Combine(once, "generation_config.json")));
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    /// <summary>Log-probs of a whole sequence (all but its first token) against a case's.</summary>
    private static void Compare(Mismatches wrong, string what, PretrainedCase item, float[] logProbs)
    {
        if (item.PromptLogprobs.Length > 0)
        {
            wrong.Near($"{what}: prompt", logProbs[..(item.Ids.Length - 1)], [.. item.PromptLogprobs.Skip(1).Select(p => p!.Value)]);
        }

        wrong.Near($"{what}: greedy", logProbs[(item.Ids.Length - 1)..], item.GreedyLogprobs);
    }

    private void OnePass(string file, bool autograd)
    {
        var cases = PretrainedCase.Of(file);
        var decoder = model.Decoder;
        var wrong = new Mismatches(Tolerance);
        foreach (var item in cases)
        {
            using var scope = NewDisposeScope();
            using var guard = set_grad_enabled(autograd);
            long[] whole = [.. item.Whole.Select(t => (long)t)];
            var hidden = decoder.Forward(tensor(whole), arange(whole.Length, ScalarType.Int64), CausalAttention.Packed([whole.Length], decoder.Config));
            var (logProbs, best) = (new List<float>(), new List<int>());
            for (var at = 0; at < whole.Length - 1; at += Rows)
            {
                using var chunk = NewDisposeScope();
                var count = Math.Min(Rows, whole.Length - 1 - at);
                var logits = decoder.Logits(hidden.narrow(0, at, count));
                logProbs.AddRange(logits.log_softmax(-1).gather(1, tensor(whole[(at + 1)..(at + 1 + count)]).unsqueeze(1)).data<float>().ToArray());
                best.AddRange(logits.argmax(-1).data<long>().ToArray().Select(t => (int)t));
            }

            Compare(wrong, item.Name, item, [.. logProbs]);
            wrong.SameTokens($"{item.Name}: greedy token", best[(item.Ids.Length - 1)..], item.GreedyIds, item.GreedyTop2Gap);
            Last(wrong, item, decoder.Logits(hidden.narrow(0, item.Ids.Length - 1, 1)).flatten());
        }

        wrong.Found.ShouldBeEmpty();
        wrong.Compared.ShouldBeGreaterThan(cases.Length);
    }

    /// <summary>Logits where the prompt ends.</summary>
    private static void Last(Mismatches wrong, PretrainedCase item, Tensor logits)
    {
        if (item.LastLogsumexp is { } sum)
        {
            wrong.Near($"{item.Name}: log-sum-exp", logits.logsumexp(0).item<float>(), sum);
        }

        var values = logits.data<float>();
        var top = logits.topk(item.Top20Ids.Length).indexes.data<long>().ToArray();
        for (var rank = 0; rank < item.Top20Ids.Length; rank++)
        {
            wrong.Near($"{item.Name}: logit {rank}", values[item.Top20Ids[rank]], item.Top20Logits[rank]);

            // Two may change places where they are as good as equal.
            wrong.Near($"{item.Name}: place {rank}", values[top[rank]], values[item.Top20Ids[rank]]);
        }
    }

    /// <summary>The model, loaded once.</summary>
    public sealed class Model : IDisposable
    {
        private Decoder? _decoder;

        public Decoder Decoder => _decoder ??= Decoder.Load(PretrainedFolder.Require());

        public void Dispose() => _decoder?.Dispose();
    }
}
