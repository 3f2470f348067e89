using Axpo.Core;
using Xunit;

namespace Axpo.Training.Tests.Objectives;

/// <summary>Core's advantage estimators against what verl and TRL returned.</summary>
[Trait("Category", "Parity")]
[Trait("Family", "objectives")]
public sealed class AdvantageParityTests
{
    public static TheoryData<string> VerlNames => PeerFixture.Names("verl", "advantage");

    public static TheoryData<string> TrlNames => PeerFixture.Names("trl", "trl_loss");

    [Theory]
    [MemberData(nameof(VerlNames))]
    public void Verl(string name)
    {
        var fixture = PeerFixture.Open("verl", name);
        var mask = fixture.Mask;
        var estimator = fixture.Text("estimator")!;
        var options = new ObjectiveOptions
        {
            Epsilon = fixture.Option<double>("epsilon") ?? 1e-6,
            Gamma = fixture.Option<double>("gamma") ?? 1,
            Singleton = estimator == "rloo_vectorized" ? SingletonRule.Zero : SingletonRule.Reward,
        };
        switch (estimator)
        {
            case "remax":
                Check(ReMax.Of(TokenRewards(fixture), mask, fixture.Row("baseline")));
                return;
            case "gae":
                Check(Gae.Of(TokenRewards(fixture), fixture.Rows("values"), mask, options.Gamma, fixture.Option<double>("lam") ?? 1));
                return;
            case "reinforce_plus_plus":
                Check(ReinforcePlusPlusAdvantage.Of(TokenRewards(fixture), mask, options.Gamma));
                if (fixture.Text("rewards") != "outcome")
                {
                    return;
                }

                break;
        }

        var scaled = fixture.Option<bool>("norm_adv_by_std_in_grpo") ?? true;
        var (groups, rewards) = (fixture.Row("index"), fixture.Row(fixture.Text("rewards_from")!));
        ScoredRollout[] rollouts = [.. rewards.Select((r, i) => new ScoredRollout((int)groups[i], r, mask[i].Count(m => m)))];
        var own = AdvantageEstimators.Get(Own(estimator, scaled)).Estimate(rollouts, options);

        // verl's f_norm, 1 by default, divides GPG's advantage; Axpo has no such option.
        var norm = fixture.Option<double>("f_norm") ?? 1;
        fixture.ShouldMatch(Widen(own, mask, norm), "advantages");

        void Check(TokenAdvantages got)
        {
            fixture.ShouldMatch(got.Advantages, "advantages");
            if (fixture.Has("returns"))
            {
                fixture.ShouldMatch(got.Returns, "returns");
            }
        }
    }

    [Theory]
    [MemberData(nameof(TrlNames))]
    public void Trl(string name)
    {
        var fixture = PeerFixture.Open("trl", name);
        var used = fixture.Json["options_used"]!;
        var options = new ObjectiveOptions { Epsilon = 1e-4 };
        var two = fixture.Option<bool>("two_rewards") ?? false;
        double[][] rewards = [.. fixture.Row(two ? "binary" : fixture.Text("rewards") ?? "binary").Select(r => new[] { r })];
        if (two)
        {
            rewards = [.. rewards.Zip(fixture.Row("reward2"), (r, second) => new[] { r[0], second })];
        }

        var unscorable = fixture.Options["unscorable"]?.AsArray().Select(u => u!.GetValue<int>()).ToHashSet() ?? [];
        int[] live = [.. Enumerable.Range(0, rewards.Length).Where(i => !unscorable.Contains(i))];
        int[] groups = [.. live.Select(i => i / fixture.GroupSize)];
        double[] own = used["multi_objective_aggregation"]!.GetValue<string>() == "normalize_then_sum"
            ? NormaliseThenSum.Of([.. live.Select(i => rewards[i])], groups, options)
            : [.. AdvantageEstimators
                .Get(used["scale_rewards"]!.GetValue<string>() switch { "group" => "grpo", "batch" => "batch-scaled", "none" => "mean-only", var other => throw new InvalidDataException(other) })
                .Estimate([.. live.Select((i, k) => new ScoredRollout(groups[k], rewards[i].Sum(), 1))], options)
                .Select(a => a[0])];
        var all = new double[rewards.Length];
        for (var k = 0; k < live.Length; k++)
        {
            all[live[k]] = own[k];
        }

        fixture.ShouldMatch(all, "advantages");
    }

    private static string Own(string estimator, bool scaled) => estimator switch
    {
        "grpo" or "grpo_vectorized" => scaled ? "grpo" : "mean-only",
        "grpo_passk" => scaled ? "pass-k" : "pass-k-unscaled",
        "rloo" or "rloo_vectorized" => "rloo",
        "reinforce_plus_plus" => "reinforce++",
        "reinforce_plus_plus_baseline" => "reinforce++-baseline",
        "opo" or "gpg" => estimator,
        _ => throw new InvalidDataException($"no estimator of ours is verl's {estimator}"),
    };

    /// <summary>Token rewards: the outcome on the last loss token, and the dense rewards where the case has them.</summary>
    private static double[][] TokenRewards(PeerFixture fixture)
    {
        var (last, outcome) = (fixture.Rows("last"), fixture.Row(fixture.Text("rewards_from")!));
        double[][] rewards = [.. last.Select((row, i) => Array.ConvertAll(row, l => l * outcome[i]))];
        return fixture.Text("rewards") == "dense" ? [.. rewards.Zip(fixture.Rows("dense"), (a, b) => a.Zip(b, (x, y) => x + y).ToArray())] : rewards;
    }

    /// <summary>Advantages of loss tokens at the places of the padded width; 0 elsewhere.</summary>
    private static double[][] Widen(double[][] own, bool[][] mask, double norm) =>
        [.. mask.Select((row, i) => { var at = 0; return Array.ConvertAll(row, keep => keep ? own[i][at++] / norm : 0); })];
}
