using Axpo.Core;
using Axpo.Training.Objectives;
using Shouldly;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Objectives;

/// <summary>
/// Core's plan, advantages and weights and Training's loss together against the independent AXPO reference (float64), for every
/// case, ablations included.
/// </summary>
[Trait("Category", "Parity")]
[Trait("Family", "objectives")]
public sealed class AxpoParityTests
{
    /// <summary>Log-probs of rollouts are stored in float32, so confidences carry its rounding.</summary>
    private const double Single = 1e-6;

    public static TheoryData<string> Names
    {
        get
        {
            var data = new TheoryData<string>(AxpoFixture.Cases().Select(c => c["id"]!.GetValue<string>()));
            if (data.Count == 0)
            {
                data.Add("(no objectives in AXPO_FIXTURES)");
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Plan_advantages_loss_and_gradients(string name)
    {
        using var scope = NewDisposeScope();
        var fixture = Open(name);
        var groups = fixture.Groups.Select(g => g.Select(r => RolloutSummaries.Of(r, null)).ToArray()).ToArray();

        // Confidence, trigger, plan.
        var confidence = fixture.Output("confidence").data<double>().ToArray();
        for (var j = 0; j < confidence.Length; j++)
        {
            var summary = groups[j / fixture.GroupSize][j % fixture.GroupSize];
            if (!double.IsNaN(confidence[j]))
            {
                (fixture.Resample.Trigger == ResampleTrigger.NoTool ? summary.AnswerConfidence : summary.CallConfidences[0]).ShouldBe(confidence[j], Single);
            }
        }

        var plan = ResamplePlanner.Plan(groups, fixture.GroupSize, fixture.Resample, fixture.RankKey);
        plan.Budget.ShouldBe(fixture.Json["budget_prefixes"]!.GetValue<int>());
        plan.Triggered.Select(t => t ? 1L : 0L).ShouldBe(fixture.Output("triggered").to(ScalarType.Int64).data<long>().ToArray());
        var selections = fixture.Json["selections"]!.GetValue<int>();
        plan.Selections.Length.ShouldBe(selections);
        if (selections > 0)
        {
            plan.Selections.SelectMany(s => new long[] { s.Question, s.Source.Rollout, s.Round }).ShouldBe(fixture.Output("selected").data<long>().ToArray());
        }

        // Weights and advantages a token.
        var continuations = fixture.Continuations(plan);
        var batch = AdvantageAssigner.Assign("b", 1, fixture.Groups, plan, continuations, fixture.Configuration);
        var weights = batch.Sequences
            .Zip(LossWeights.Of([.. batch.Sequences.Select(s => s.IsLoss.Count(l => l))], [.. batch.Sequences.Select(s => s.Weight)], LossDivisors.Of(fixture.Configuration, fixture.Questions)))
            .ToDictionary(p => p.First.Id, p => p.Second);
        Rollout[] order = [.. fixture.Groups.SelectMany(g => g), .. continuations.SelectMany(c => c)];
        var byId = batch.Sequences.ToDictionary(s => s.Id);
        var wantAdvantage = fixture.Output("sequence_advantage").data<double>().ToArray();
        var wantWeight = fixture.Output("sequence_weight").data<double>().ToArray();
        var wantLoss = fixture.Output("sequence_loss").data<double>().ToArray();
        double[] grad = [.. fixture.Output("grad").data<double>().ToArray(), .. selections > 0 ? fixture.Output("c_grad").data<double>().ToArray() : []];
        var largest = Math.Max(1e-300, grad.Max(Math.Abs));
        var at = 0;
        var losses = new double[order.Length];
        var sums = (Loss: 0.0, Policy: 0.0, Kl: 0.0, Clipped: 0.0, PlainKl: 0.0, Tokens: 0L);
        for (var s = 0; s < order.Length; s++)
        {
            var length = order[s].Tokens.Length - order[s].InheritedTokens;
            var want = grad[at..(at + length)];
            at += length;
            if (!byId.TryGetValue(order[s].Id, out var sequence))
            {
                wantWeight[s].ShouldBe(0);
                want.ShouldAllBe(g => g == 0);
                continue;
            }

            int[] chosen = [.. Enumerable.Range(0, sequence.Tokens.Length).Where(t => sequence.IsLoss[t])];
            chosen.ShouldNotBeEmpty();
            sequence.Advantages[chosen[0]].ShouldBe(wantAdvantage[s], fixture.Tolerance * Math.Max(1, Math.Abs(wantAdvantage[s])));
            weights[sequence.Id].ShouldBe(wantWeight[s], fixture.Tolerance);

            var current = Pick(fixture.Values(order[s], "cur"), chosen).requires_grad_(true);
            var tokens = new LossTokens(current, Pick(fixture.Values(order[s], "old"), chosen), Pick(sequence.Advantages, chosen), zeros(chosen.Length, ScalarType.Int64), 1);
            var inputs = new ObjectiveInputs(tokens, full(chosen.Length, weights[sequence.Id], ScalarType.Float64)) { Reference = Pick(fixture.Values(order[s], "ref"), chosen) };
            var terms = PolicyObjective.Compute(PolicyLosses.Get(fixture.Objective.Loss), inputs, fixture.Objective);
            terms.Loss.ToDouble().ShouldBe(wantLoss[s], fixture.Tolerance * Math.Max(1, Math.Abs(wantLoss[s])));
            terms.Loss.backward();
            var got = new double[order[s].Tokens.Length];
            var gradient = current.grad!.data<double>().ToArray();
            for (var i = 0; i < chosen.Length; i++)
            {
                got[chosen[i]] = gradient[i];
            }

            for (var t = 0; t < length; t++)
            {
                got[order[s].InheritedTokens + t].ShouldBe(want[t], fixture.Tolerance * largest);
            }

            losses[s] = terms.Loss.ToDouble();
            sums = (sums.Loss + terms.Loss.ToDouble(), sums.Policy + terms.Policy.ToDouble(), sums.Kl + terms.Kl.ToDouble(),
                sums.Clipped + terms.Clipped.sum().ToDouble(), sums.PlainKl + terms.TokenKl.sum().ToDouble(), sums.Tokens + chosen.Length);
        }

        foreach (var cut in fixture.Json["micro_batches"]!.AsArray())
        {
            int[] edges = [.. cut!["edges"]!.AsArray().Select(e => e!.GetValue<int>())];
            var want = cut["losses"]!.AsArray().Select(l => l!.GetValue<double>()).ToArray();
            for (var piece = 0; piece < want.Length; piece++)
            {
                losses[edges[piece]..edges[piece + 1]].Sum().ShouldBe(want[piece], fixture.Tolerance * Math.Max(1, Math.Abs(want[piece])), $"piece {piece} of {want.Length}");
            }
        }

        Check("loss", sums.Loss);
        Check("policy_loss", sums.Policy);
        Check("kl_loss", sums.Kl);
        Check("clip_fraction", sums.Clipped / sums.Tokens);
        Check("kl_mean", sums.PlainKl / sums.Tokens);
        sums.Tokens.ShouldBe(fixture.Json["loss_tokens"]!.GetValue<long>());

        void Check(string what, double value) => value.ShouldBe(fixture.Scalar(what), fixture.Tolerance * Math.Max(1, Math.Abs(fixture.Scalar(what))), what);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Measures_before_and_after(string name)
    {
        var fixture = Open(name);
        Assert.SkipWhen(fixture.Json["measures"] is null, $"{name}: no measures");
        var groups = fixture.Groups.Select(g => g.Select(r => RolloutSummaries.Of(r, null)).ToArray()).ToArray();
        var plan = ResamplePlanner.Plan(groups, fixture.GroupSize, fixture.Resample, fixture.RankKey);
        var forks = fixture.Continuations(plan).Select(c => c.Select(r => RolloutSummaries.Of(r, null)).ToArray()).ToArray();
        var measures = StepMeasures.Rollouts(groups, plan, forks);
        Check("tool_use_rate", measures.ToolUse);
        Check("all_wrong_tool_before", measures.AllWrongToolBefore);
        Check("all_wrong_no_tool_before", measures.AllWrongNoTool);
        Check("all_wrong_tool_after", measures.AllWrongToolAfter);
        Check("recovery_rate", measures.Recovery);

        void Check(string what, double? value)
        {
            if (fixture.Json["measures"]![what] is { } node && node.GetValueKind() == System.Text.Json.JsonValueKind.Number)
            {
                (value ?? 0).ShouldBe(node.GetValue<double>(), 1e-9, what);
            }
            else
            {
                value.ShouldBeNull(what);
            }
        }
    }

    private static AxpoFixture Open(string name)
    {
        var json = AxpoFixture.Cases().FirstOrDefault(c => c["id"]!.GetValue<string>() == name);
        Assert.SkipWhen(json is null, $"{name}: not here");
        return new AxpoFixture(json);
    }

    private static Tensor Pick(double[] values, int[] chosen) => tensor(chosen.Select(t => values[t]).ToArray());
}
