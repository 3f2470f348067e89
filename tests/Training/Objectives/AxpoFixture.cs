using System.Text.Json.Nodes;
using Axpo.Core;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Objectives;

/// <summary>A case of the AXPO fixtures as Axpo's own nouns.</summary>
internal sealed class AxpoFixture
{
    // Shared by all tests: whichever reads them first must not take them along when its dispose scope ends.
    private static readonly Lazy<Dictionary<string, Tensor>> Arrays = new(() => Fixtures.Tensors(Path.Combine(Fixtures.Root, "objectives", "axpo", "arrays.safetensors"))
        .ToDictionary(a => a.Key, a => a.Value.DetachFromDisposeScope(), StringComparer.Ordinal));

    // Place of every continuation in the arrays, filled by Continuations.
    private readonly Dictionary<EpisodeId, int> _places = [];

    public AxpoFixture(JsonObject json)
    {
        Json = json;
        Questions = json["B"]!.GetValue<int>();
        GroupSize = json["N"]!.GetValue<int>();
        var options = json["options"]!;
        K = options["K"]!.GetValue<int>();
        Resample = Ablated(options["ablation"]!.GetValue<string>(), new ResampleOptions { K = K, BudgetRatio = options["r"]!.GetValue<double>() });
        Objective = new ObjectiveOptions
        {
            ClipLow = options["clip_low"]!.GetValue<double>(),
            ClipHigh = options["clip_high"]!.GetValue<double>(),
            KlWeight = options["beta"]!.GetValue<double>(),
            Ddof = options["ddof"]!.GetValue<int>(),
            Epsilon = options["eps"]!.GetValue<double>(),
            Kl = options["kl"]!.GetValue<string>() switch
            {
                "k1" => KlEstimator.K1,
                "k2" => KlEstimator.K2,
                _ => KlEstimator.K3,
            },
            KlInputClamp = options["kl"]!.GetValue<string>() == "k3_clamped" ? 20 : 0,
            KlClamp = options["kl"]!.GetValue<string>() == "k3_clamped" ? 10 : 0,
            KlTimesRatio = options["kl"]!.GetValue<string>() == "k3_ratio",
            Denominator = options["denominator"]!.GetValue<string>() == "valid" ? LossDenominator.Valid : LossDenominator.Nominal,
        };
        Groups = [.. Enumerable.Range(0, Questions).Select(q => Enumerable.Range(0, GroupSize).Select(i => Original(q, i)).ToArray())];
    }

    public JsonObject Json { get; }

    public int Questions { get; }

    public int GroupSize { get; }

    public int K { get; }

    public ResampleOptions Resample { get; }

    public ObjectiveOptions Objective { get; }

    public RunConfiguration Configuration => new() { Rollouts = new RolloutOptions { GroupSize = GroupSize }, Resample = Resample, Objective = Objective };

    public Rollout[][] Groups { get; }

    /// <summary>The key of the fixture's permutation; null where sources are ranked by confidence.</summary>
    public Func<EpisodeId, double>? RankKey => Json["arrays"]!["rank_key"] is null ? null : id => Longs("rank_key")[(id.Question * GroupSize) + id.Rollout];

    public double Tolerance => Json["tolerance"]!.GetValue<double>();

    public static IEnumerable<JsonObject> Cases()
    {
        var path = Path.Combine(Fixtures.Root, "objectives", "axpo", "cases.json");
        return File.Exists(path) ? Fixtures.Json(path)["cases"]!.AsArray().Select(c => c!.AsObject()) : [];
    }

    public double Scalar(string name) => Json[name]!.GetValue<double>();

    public Tensor Input(string name) => Arrays.Value[Json["arrays"]![name]!.GetValue<string>()];

    public Tensor Output(string name) => Arrays.Value[Json["outputs"]![name]!.GetValue<string>()];

    public long[] Longs(string name) => Input(name).to(ScalarType.Int64).data<long>().ToArray();

    public Rollout[][] Continuations(ResamplePlan plan) => [.. plan.Selections.Select((s, m) => Enumerable.Range(0, K).Select(k => Continuation(s, (m * K) + k, s.Continuation(k, Configuration))).ToArray())];

    /// <summary>Values (cur, old, ref) of a sequence's own tokens, aligned with its rollout's tokens (inherited ones are 0).</summary>
    public double[] Values(Rollout rollout, string name) => _places.TryGetValue(rollout.Id, out var place)
        ? [.. new double[rollout.InheritedTokens], .. Slice(Input("c_" + name), Longs("c_offsets"), place)]
        : Slice(Input(name), Longs("offsets"), (rollout.Id.Question * GroupSize) + rollout.Id.Rollout);

    private static ResampleOptions Ablated(string ablation, ResampleOptions options) => ablation switch
    {
        "none" => options,
        "fresh" => options with { Start = ResampleStart.Fresh },
        "no_tool" => options with { Trigger = ResampleTrigger.NoTool },
        "random_rank" => options with { Ranking = ResampleRanking.Random },
        "no_prefix_credit" => options with { PrefixCredit = PrefixCredit.None },
        "no_prefix_credit_ordinary" => options with { PrefixCredit = PrefixCredit.Ordinary },
        "merged" => options with { Statistics = ResampleStatistics.Merged },
        _ => throw new InvalidDataException($"ablation '{ablation}' is not known"),
    };

    private static double[] Slice(Tensor values, long[] offsets, int index) =>
        values.narrow(0, offsets[index], offsets[index + 1] - offsets[index]).to(ScalarType.Float64).data<double>().ToArray();

    private static Segment[] Segments(ReadOnlySpan<long> kinds)
    {
        var segments = new List<Segment>();
        for (var t = 0; t < kinds.Length; t++)
        {
            var kind = (SegmentKind)kinds[t];
            if (segments.Count > 0 && segments[^1].Kind == kind)
            {
                segments[^1] = segments[^1] with { End = t + 1 };
            }
            else
            {
                segments.Add(new Segment(kind, t, t + 1));
            }
        }

        return [.. segments];
    }

    private Rollout Original(int q, int i)
    {
        var j = (q * GroupSize) + i;
        var offsets = Longs("offsets");
        var kinds = Longs("kind")[(int)offsets[j]..(int)offsets[j + 1]];
        var start = (int)Longs("call_start")[j];
        ToolCall[] calls = start < 0 ? [] :
            [new ToolCall { Turn = 0, Start = start, PrefixEnd = (int)Longs("prefix_end")[j], End = (int)Longs("call_end")[j], Closed = (int)Longs("call_end")[j] < kinds.Length }];
        return Make(new EpisodeId("r", Phase.Train, 1, q, i), kinds, calls, Slice(Input("behavior"), offsets, j), (Outcome)Longs("outcome")[j], 0);
    }

    private Rollout Continuation(ResampleSelection selection, int place, EpisodeId id)
    {
        _places[id] = place;
        var source = Groups[selection.Source.Question][selection.Source.Rollout];
        var prefix = Resample.Start == ResampleStart.Fresh ? 0 : source.PrefixEnd(selection.Boundary);
        var offsets = Longs("c_offsets");
        var own = Longs("c_kind")[(int)offsets[place]..(int)offsets[place + 1]];
        var q = (selection.Source.Question * GroupSize) + selection.Source.Rollout;
        var inherited = Longs("kind")[(int)Longs("offsets")[q]..][..prefix];
        double[] logProbs = [.. Slice(Input("behavior"), Longs("offsets"), q)[..prefix], .. Slice(Input("c_old"), offsets, place)];
        var calls = prefix > 0 && Resample.Trigger == ResampleTrigger.ToolUsing ? source.Calls[..(selection.Boundary + 1)] : [];
        return Make(id, [.. inherited, .. own], calls, logProbs, (Outcome)Longs("c_outcome")[place], prefix);
    }

    private static Rollout Make(EpisodeId id, long[] kinds, ToolCall[] calls, double[] behaviour, Outcome outcome, int inherited)
    {
        var segments = Segments(kinds);
        var sampled = segments.Where(s => s.IsSampled).SelectMany(s => Enumerable.Range(s.Start, s.Length)).ToHashSet();
        return new Rollout
        {
            Id = id,
            QuestionId = "q",
            Suite = "fixture",
            Tokens = new int[kinds.Length],
            LogProbs = [.. behaviour.Select((b, t) => sampled.Contains(t) ? (float)b : float.NaN)],
            Entropies = new float[kinds.Length],
            Versions = new int[kinds.Length],
            Segments = segments,
            Calls = calls,
            Outcome = outcome,
            End = EndReason.Answered,
            Turns = 1,
            InheritedTokens = inherited,
        };
    }
}
