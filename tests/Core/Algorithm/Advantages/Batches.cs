using CsCheck;

namespace Axpo.Core.Tests.Algorithm.Advantages;

/// <summary>Random batches: up to five groups of uneven size, interleaved; rewards in quarters, so that ties and groups without spread are common; rollouts without loss tokens too.</summary>
internal static class Batches
{
    public static Gen<ScoredRollout[]> Any { get; } =
        Gen.Select(Gen.Int[0, 4], Gen.Int[-4, 8], Gen.Int[0, 6]).Select((group, quarters, tokens) => new ScoredRollout(group, quarters / 4.0, tokens)).Array[1, 24];

    public static Gen<ObjectiveOptions> Options { get; } = Gen.Select(Gen.Int[0, 1], Gen.OneOf(Gen.Const(1e-6), Gen.Const(1e-4)), Gen.Enum<SingletonRule>(), Gen.OneOf(Gen.Const(1.0), Gen.Const(.9))).Select((ddof, epsilon, singleton, gamma) =>
        new ObjectiveOptions
        {
            Ddof = ddof,
            Epsilon = epsilon,
            Singleton = singleton,
            Gamma = gamma,
        });

    /// <summary>A batch of one group with one loss token a rollout, so that an advantage a rollout comes out.</summary>
    public static double[] Estimate(string estimator, double[] rewards, ObjectiveOptions options) => Estimate(estimator, [.. rewards.Select(r => new ScoredRollout(0, r, 1))], options);

    /// <summary>The advantage of each rollout's first loss token.</summary>
    public static double[] Estimate(string estimator, ScoredRollout[] rollouts, ObjectiveOptions options) =>
        [.. AdvantageEstimators.Get(estimator).Estimate(rollouts, options).Select(a => a[0])];
}
