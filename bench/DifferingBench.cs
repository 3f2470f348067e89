using System.Globalization;
using System.Runtime.InteropServices;
using Axpo.Core;
using Axpo.Training.Generation;
using Axpo.Training.Models;
using static TorchSharp.torch;

namespace Axpo.Bench;

/// <summary>
/// How often a token depends on its neighbours: sequences of axpo-tiny, each generated alone, and again in mixed batches (groups, forks, turns, strangers whose prompts are prefilled in pieces). Tokens count up to and with a
/// sequence's first difference, for what follows is another text. Needs <c>models/axpo-tiny</c> in the folder that it is started in; random weights of its shape take its place.
/// </summary>
internal static class DifferingBench
{
    private const string Model = "models/axpo-tiny";
    private const int Sequences = 640;
    private const int NewTokens = 160;
    private const int GroupSize = 8;
    private const int PromptTokens = 48;
    private const int Strangers = 96;
    private const double Tie = 1e-4;

    public static async Task<IReadOnlyList<Row>> RunAsync()
    {
        using var random = new BenchModel(Shapes.Tiny);
        var folder = Directory.Exists(Model) ? Model : random.Folder;
        using var decoder = Decoder.Load(folder);
        var free = await CompareAsync(folder, decoder, deterministic: false);
        var always = await CompareAsync(folder, decoder, deterministic: true);
        var name = folder == Model ? "axpo-tiny" : "random weights of axpo-tiny's shape";
        return
        [
            Row.Context($"sampled tokens that differ alone and in mixed batches, {name} / tokens sampled", Tokens(free.Differing), Tokens(free.Compared), free.Differing / (double)free.Compared),
            Row.AtMost("largest noised top-2 gap where a sequence first differs", Number(free.Gap), "", free.Gap, Tie),
            Row.Context("largest difference of the log-prob of a token that is equal", Number(free.LogProb), "", free.LogProb),
            Row.AtMost("the same in deterministic mode: sampled tokens that differ / tokens sampled", Tokens(always.Differing), Tokens(always.Compared), always.Differing, 0),
            Row.AtMost("the same in deterministic mode: largest difference of a log-prob", Number(always.LogProb), "", always.LogProb, 0),
        ];
    }

    private static async Task<(int Compared, int Differing, double Gap, double LogProb)> CompareAsync(string folder, Decoder decoder, bool deterministic)
    {
        var prompts = Enumerable.Range(0, Sequences).Select(i => Requests.Tokens(PromptTokens + (i / GroupSize % 32), i / GroupSize, decoder.Config.VocabSize)).ToArray();
        var options = new EngineOptions { KvMebibytes = 1024, Deterministic = deterministic };
        var alone = await AloneAsync(folder, options with { Workers = 1, MaxBatch = 1 }, prompts);
        var mixed = await MixedAsync(folder, options, prompts, decoder.Config.VocabSize);
        var (compared, differing, gap, logProb) = (0, 0, 0.0, 0.0);
        for (var i = 0; i < Sequences; i++)
        {
            var same = alone[i].Tokens.AsSpan().CommonPrefixLength(mixed[i].Tokens);
            compared += Math.Min(same + 1, NewTokens);
            for (var t = 0; t < same; t++)
            {
                logProb = Math.Max(logProb, Math.Abs(alone[i].LogProbs[t] - mixed[i].LogProbs[t]));
            }

            if (same < NewTokens)
            {
                differing++;
                gap = Math.Max(gap, Gap(decoder, [.. prompts[i], .. alone[i].Tokens[..same]], i, alone[i].Tokens[same], mixed[i].Tokens[same]));
            }
        }

        return (compared, differing, gap, logProb);
    }

    private static async Task<(int[] Tokens, float[] LogProbs)[]> AloneAsync(string folder, EngineOptions options, int[][] prompts)
    {
        await using var engine = await BenchModel.StartAsync(folder, options);
        var results = new (int[], float[])[prompts.Length];
        for (var i = 0; i < prompts.Length; i++)
        {
            var result = (await Requests.AllAsync(engine, [Requests.New(Name(i), prompts[i], 0, NewTokens, i)]))[0];
            results[i] = (result.Tokens, result.LogProbs);
            engine.Release(Name(i));
        }

        return results;
    }

    /// <summary>All at once, in groups; of four sequences one is whole, one in two turns, one a source and its fork, one has no group. Others with long prompts come in between.</summary>
    private static async Task<(int[] Tokens, float[] LogProbs)[]> MixedAsync(string folder, EngineOptions options, int[][] prompts, int vocabulary)
    {
        await using var engine = await BenchModel.StartAsync(folder, options);
        var strangers = Enumerable.Range(0, Strangers).Select(i => Requests.AllAsync(engine, [Requests.New(FormattableString.Invariant($"stranger{i}"), Requests.Tokens(100 + (7 * i), Sequences + i, vocabulary), 0, 30, Sequences + i)])).ToArray();
        var results = await Task.WhenAll(prompts.Select((prompt, i) => OneAsync(engine, prompt, i)));
        await Task.WhenAll(strangers);
        return results;
    }

    private static async Task<(int[] Tokens, float[] LogProbs)> OneAsync(PolicyEngine engine, int[] prompt, int i)
    {
        var first = i % 4 is 1 or 2 ? 1 + (i % (NewTokens - 1)) : NewTokens;
        var whole = Requests.New(Name(i), prompt, 0, first, i) with { Group = i % 4 == 3 ? null : FormattableString.Invariant($"g{i / GroupSize}") };
        var result = (await Requests.AllAsync(engine, [whole]))[0];
        if (first == NewTokens)
        {
            return (result.Tokens, result.LogProbs);
        }

        var more = Requests.New(i % 4 == 1 ? Name(i) : Name(i) + "/b", [], prompt.Length + first, NewTokens - first, i) with { Group = whole.Group, ForkOf = i % 4 == 1 ? null : Name(i) };
        var rest = (await Requests.AllAsync(engine, [more]))[0];
        return ([.. result.Tokens, .. rest.Tokens], [.. result.LogProbs, .. rest.LogProbs]);
    }

    /// <summary>How far apart the race's two first are after a context, as a pass over the whole sequence sees it; infinite where the two tokens are not they.</summary>
    private static double Gap(Decoder decoder, int[] context, int sequence, int one, int other)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var hidden = decoder.Forward(tensor([.. context.Select(t => (long)t)]), arange(context.Length, ScalarType.Int64), CausalAttention.Packed([context.Length], decoder.Config));
        using var row = nn.functional.log_softmax(decoder.Logits(hidden.narrow(0, context.Length - 1, 1)), -1);
        var logProbs = MemoryMarshal.Cast<byte, float>(row.bytes).ToArray();
        var chance = Requests.New("", [], 0, 0, sequence).Chance;
        var race = logProbs.Select((p, t) => (Token: t, Score: p + chance.Gumbel((uint)context.Length, (uint)t))).OrderByDescending(r => r.Score).Take(2).ToArray();
        return race.Any(r => r.Token == one) && race.Any(r => r.Token == other) ? race[0].Score - race[1].Score : double.PositiveInfinity;
    }

    private static string Name(int i) => FormattableString.Invariant($"s{i}");

    private static string Tokens(int count) => string.Create(CultureInfo.InvariantCulture, $"{count:N0} tokens");

    private static string Number(double value) => value.ToString("G2", CultureInfo.InvariantCulture);
}
