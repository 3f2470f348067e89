using Axpo.Training.Generation;
using CsCheck;
using Shouldly;
using Xunit;
using static Axpo.Training.Tests.Generation.EngineFixture;

namespace Axpo.Training.Tests.Generation;

public sealed class WorkSharingTests
{
    [Fact]
    public void A_long_piece_has_a_worker_of_its_own_wherever_it_stands_in_the_plan()
    {
        foreach (var at in new[] { 0, 31, 63 })
        {
            var counts = Enumerable.Repeat(1, 63).ToList();
            counts.Insert(at, 256);
            var shares = Deal(counts, 2);
            shares.Select(s => s.Rows).ShouldBe([256, 63]);
        }
    }

    [Fact]
    public void Decoded_rows_fill_what_pieces_leave()
    {
        var shares = Deal([1, 1, 20, 1, 12, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], 2);
        shares.Select(s => s.Rows).ShouldBe([23, 22]);
        shares[0].Work[0].Count.ShouldBe(20);
        shares[1].Work[0].Count.ShouldBe(12);
    }

    [Fact]
    public void Neighbours_stay_together_and_few_rows_stay_with_few_workers()
    {
        var shares = Deal(Enumerable.Repeat(1, 12), 4);
        shares.Select(s => s.Rows).ShouldBe([6, 6, 0, 0]);
        shares[0].Work.Select(w => w.From).ShouldBe(Enumerable.Range(0, 6));
        Deal([1, 1, 1], 4).Select(s => s.Rows).ShouldBe([3, 0, 0, 0]);

        // A sequence of which only sampling is left costs a row too.
        Deal(Enumerable.Repeat(0, 16), 2).Select(s => s.Rows).ShouldBe([8, 8]);
    }

    [Fact]
    public void Every_piece_is_dealt_once_and_no_share_exceeds_the_fair_one_by_more_than_a_piece() =>
        Gen.Select(Gen.Int[0, 300].List[1, 80], Gen.Int[1, 8]).Sample((counts, workers) =>
        {
            var shares = Deal(counts, workers);
            shares.SelectMany(s => s.Work).Select(w => w.From).Order().ShouldBe(Enumerable.Range(0, counts.Count));
            var used = shares.Where(s => s.Rows > 0).ToList();
            used.Count.ShouldBe(used.Count == 0 ? 0 : shares.FindLastIndex(s => s.Rows > 0) + 1);
            var longest = counts.Max(c => Math.Max(1, c));
            (used.Max(s => s.Rows) - (shares.Sum(s => s.Rows) / used.Count)).ShouldBeLessThanOrEqualTo(longest);
        });

    /// <summary>From is the place in the plan.</summary>
    private static List<StepShare> Deal(IEnumerable<int> counts, int workers)
    {
        var sequence = new Sequence(Request("s", [1]));
        var shares = Enumerable.Range(0, workers).Select(_ => new StepShare()).ToList();
        WorkSharing.Deal([.. counts.Select((count, i) => new StepWork(sequence, i, count, Sample: true))], shares, ThreadLayout.UsualRows);
        return shares;
    }
}
