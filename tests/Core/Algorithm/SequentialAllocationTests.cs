using CsCheck;
using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Algorithm;

public sealed class SequentialAllocationTests
{
    [Fact]
    public void A_prefix_closes_at_its_first_success_and_what_it_saved_opens_the_next()
    {
        // Budget 2 prefixes of 3; the first succeeds at once.
        Next(5, 2, 3).ShouldBe([0, 1]);
        Next(5, 2, 3, "c", "w").ShouldBe([1]); // 6 - 1 spent - 3 reserved = 2 free: no whole K.
        Next(5, 2, 3, "c", "wc").ShouldBe([2]); // 6 - 1 - 2 = 3 free.
        Next(5, 2, 3, "c", "wc", "w").ShouldBe([2]);
        Next(5, 2, 3, "c", "wc", "www").ShouldBeEmpty();
    }

    [Fact]
    public void Without_a_success_it_is_the_plain_budget()
    {
        Next(5, 2, 3, "ww", "ww").ShouldBe([0, 1]);
        Next(5, 2, 3, "www", "www").ShouldBeEmpty();
    }

    [Fact]
    public void A_void_continuation_is_spent_and_no_success()
    {
        Next(5, 2, 3, "v", "c").ShouldBe([0]);
        Next(5, 2, 3, "vvv", "c").ShouldBeEmpty();
    }

    [Fact]
    public void It_ends_with_the_ranking_or_without_a_budget()
    {
        Next(1, 8, 4).ShouldBe([0]);
        Next(1, 8, 4, "c").ShouldBeEmpty();
        Next(0, 8, 4).ShouldBeEmpty();
        Next(5, 0, 4).ShouldBeEmpty();
    }

    [Fact]
    public void The_budget_is_never_exceeded_every_prefix_ends_and_no_whole_K_is_left_while_there_are_candidates() =>
        Gen.Select(Gen.Int[0, 12], Gen.Int[0, 6], Gen.Int[1, 5], Gen.Int[0, 2].Array[60]).Sample((candidates, budget, k, chance) =>
        {
            var opened = new List<List<Outcome>>();
            var draws = 0;
            for (var wave = SequentialAllocation.NextWave(candidates, budget, k, opened); wave.Length > 0; wave = SequentialAllocation.NextWave(candidates, budget, k, opened))
            {
                foreach (var i in wave)
                {
                    if (i == opened.Count)
                    {
                        opened.Add([]);
                    }

                    opened[i].Contains(Outcome.Correct).ShouldBeFalse();
                    opened[i].Add((Outcome)chance[draws++ % chance.Length]);
                }

                opened.Sum(o => o.Count).ShouldBeLessThanOrEqualTo(budget * k);
            }

            opened.Count.ShouldBeLessThanOrEqualTo(candidates);
            opened.ShouldAllBe(o => o.Count == k || o.Last() == Outcome.Correct);
            (opened.Count == candidates || (budget * k) - opened.Sum(o => o.Count) < k).ShouldBeTrue();
            opened.Count.ShouldBeGreaterThanOrEqualTo(Math.Min(candidates, budget));
        });

    private static int[] Next(int candidates, int budget, int k, params string[] outcomes) =>
        SequentialAllocation.NextWave(candidates, budget, k, [.. outcomes.Select(o => (IReadOnlyList<Outcome>)[.. o.Select(c => c switch { 'c' => Outcome.Correct, 'w' => Outcome.Wrong, _ => Outcome.Void })])]);
}
