using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Chance;

public sealed class ChanceKeyTests
{
    /// <summary>Computed by an independent program: a change here makes old runs unrepeatable.</summary>
    [Fact]
    public void Keys_and_bits_are_those_of_every_earlier_version()
    {
        var root = ChanceKey.Root(1);
        root.ShouldBe(new ChanceKey(0xddc1ed05282d1d64, 0xa1939c9f4c21bbe2));
        Enumerable.Range(4, 4).Select(t => root.Bits(5, (uint)t)).ShouldBe([0x466bdef0u, 0x24e8b90du, 0x5f870ea5u, 0x36364462u]);
        var sequence = ChanceKey.ForSequence(42, Phase.Train, 3, 2, 7, BranchPath.Empty.Then(1, 2).Then(0, 3));
        sequence.ShouldBe(new ChanceKey(0x12eff8b5efd203c6, 0xb954094fabf65ea6));
        sequence.Bits(17, 1001).ShouldBe(0xaa76853eu);
        ChanceKey.Root(7).With("fact").ShouldBe(new ChanceKey(0x2e845abd45714d00, 0xe6bc0468ffa2e79f));
    }

    [Fact]
    public void Every_part_of_a_sequences_name_changes_its_key()
    {
        var path = BranchPath.Empty.Then(1, 2);
        ChanceKey[] keys =
        [
            ChanceKey.ForSequence(1, Phase.Train, 1, 1, 1, path),
            ChanceKey.ForSequence(2, Phase.Train, 1, 1, 1, path),
            ChanceKey.ForSequence(1, Phase.Eval, 1, 1, 1, path),
            ChanceKey.ForSequence(1, Phase.EvalT1, 1, 1, 1, path),
            ChanceKey.ForSequence(1, Phase.Rollout, 1, 1, 1, path),
            ChanceKey.ForSequence(1, Phase.Resample, 1, 1, 1, path),
            ChanceKey.ForSequence(1, Phase.Train, 2, 1, 1, path),
            ChanceKey.ForSequence(1, Phase.Train, 1, 2, 1, path),
            ChanceKey.ForSequence(1, Phase.Train, 1, 1, 2, path),
            ChanceKey.ForSequence(1, Phase.Train, 1, 1, 1, BranchPath.Empty),
            ChanceKey.ForSequence(1, Phase.Train, 1, 1, 1, BranchPath.Empty.Then(2, 1)),
            ChanceKey.ForSequence(1, Phase.Train, 1, 1, 1, path.Then(1, 2)),
        ];
        keys.ShouldBeUnique();
        keys.Select(k => k.Bits(0, 0)).ShouldBeUnique();
    }

    [Fact]
    public void Words_are_folded_in_order() => ChanceKey.Root(1).With(2).With(3).ShouldNotBe(ChanceKey.Root(1).With(3).With(2));

    [Fact]
    public void Uniform_numbers_are_uniform_and_never_0_or_1()
    {
        var bins = new int[20];
        foreach (var u in Draws((key, position, token) => key.Uniform(position, token)))
        {
            u.ShouldBeInRange(double.Epsilon, 1 - (1.0 / (1L << 33)));
            bins[(int)(u * bins.Length)]++;
        }

        // Chi-squared with 19 degrees of freedom: 43.8 is passed once in a thousand.
        var expected = bins.Sum() / (double)bins.Length;
        bins.Sum(b => (b - expected) * (b - expected) / expected).ShouldBeLessThan(43.8);
    }

    [Fact]
    public void Gumbel_numbers_have_mean_and_variance_of_the_distribution()
    {
        var draws = Draws((key, position, token) => key.Gumbel(position, token)).ToArray();
        var mean = draws.Average();
        mean.ShouldBe(.5772, .015); // Euler's constant; standard error .004.
        draws.Average(g => (g - mean) * (g - mean)).ShouldBe(Math.PI * Math.PI / 6, .05);
    }

    [Fact]
    public void The_largest_noised_logit_wins_as_often_as_softmax_says()
    {
        double[] probabilities = [.5, .3, .15, .05];
        const int n = 40_000;
        var wins = new int[4];
        var key = ChanceKey.Root(3);
        for (var position = 0u; position < n; position++)
        {
            wins[Enumerable.Range(0, 4).MaxBy(t => Math.Log(probabilities[t]) + key.Gumbel(position, (uint)t))]++;
        }

        for (var t = 0; t < 4; t++)
        {
            (wins[t] / (double)n).ShouldBe(probabilities[t], 4 * Math.Sqrt(probabilities[t] * (1 - probabilities[t]) / n));
        }
    }

    private static IEnumerable<double> Draws(Func<ChanceKey, uint, uint, double> draw) =>
        Enumerable.Range(0, 100_000).Select(i => draw(ChanceKey.Root((ulong)(i % 10)), (uint)(i / 10 % 100), (uint)(i / 1000)));
}
