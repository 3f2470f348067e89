using Axpo.Core;
using Axpo.Silo.Comparisons;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Comparisons;

public sealed class PrefixSummariesTests
{
    private static readonly RunConfiguration Axpo = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_prefix_is_its_source_its_boundary_and_what_its_continuations_came_to()
    {
        var source = Calling(2, Outcome.Wrong);
        Rollout[] rollouts =
        [
            Calling(0, Outcome.Wrong), source,
            Fork(source, 0, Outcome.Correct, "b"), Fork(source, 1, Outcome.Wrong, "a"), Fork(source, 2, Outcome.Void, "c"), Fork(source, 3, Outcome.Wrong, "a"),
        ];

        var read = (await ReadAsync(Axpo, new ResampledStep(7, 1, rollouts, [Question(4)]))).ShouldNotBeNull();

        (read.Step.Single(), read.Horizon.Single(), read.Calls.Single(), read.Boundary.Single(), read.Confidence.Single()).ShouldBe((7, 4, 1, 0, .607));
        (read.Live.Single(), read.Correct.Single(), read.Callers.Single(), read.Distinct.Single(), read.Tokens.Single()).ShouldBe((3, 1, 3, 2, 6));
        read.LeftOut.ShouldBeEmpty();
    }

    [Fact]
    public async Task What_is_stored_but_was_not_trained_on_is_left_out_and_said_so()
    {
        var source = Calling(2, Outcome.Wrong);
        Rollout[] rollouts = [source, Fork(source, 0, Outcome.Wrong, "a")];

        var read = (await ReadAsync(Axpo, new ResampledStep(3, 2, rollouts, []), new ResampledStep(4, 1, rollouts, [Question(4) with { Id = "another" }]))).ShouldNotBeNull();

        read.LeftOut.ShouldBe([3]);
        (read.Step.Single(), read.Horizon.Single()).ShouldBe((4, 0), "the question is another one by now");
    }

    [Fact]
    public async Task Fresh_rollouts_have_a_row_for_each_place_that_they_take()
    {
        var fresh = Axpo with { Resample = Axpo.Resample with { Start = ResampleStart.Fresh, K = 2 } };
        Rollout[] rollouts = [.. Enumerable.Range(0, 12).Select(i => Calling(i, i == 9 ? Outcome.Correct : Outcome.Wrong) with { Calls = i == 8 ? [] : [Call("a")] })];

        var read = (await ReadAsync(fresh, new ResampledStep(1, 2, rollouts, []))).ShouldNotBeNull();

        read.Boundary.ShouldBe([-1, -1]);
        read.Live.ShouldBe([2, 2]);
        read.Correct.ShouldBe([1, 0]);
        read.Callers.ShouldBe([1, 2], "a rollout without a call has no different call");
        read.Distinct.ShouldBe([1, 1]);
        read.Confidence.ShouldBe([null, null]);
    }

    [Fact]
    public async Task Where_nothing_was_resampled_there_is_nothing() => (await ReadAsync(Axpo)).ShouldBeNull();

    [Fact]
    public void Figures_are_over_all_seeds_and_kinds_of_one_are_left_out()
    {
        var prefixes = new PrefixSummaries
        {
            Step = [1, 1, 2, 2],
            Horizon = [2, 2, 4, 4],
            Calls = [2, 2, 3, 3],
            Boundary = [0, 0, 0, 0],
            Confidence = [.4, .6, .96, 1],
            Live = [4, 4, 4, 0],
            Correct = [2, 0, 1, 0],
            Callers = [4, 4, 4, 0],
            Distinct = [3, 1, 2, 0],
            Tokens = [40, 40, 80, 0],
            LeftOut = [],
        };
        var cell = new PlannedCell("better", 1, "axpo", [], 1, new string('a', 64));
        var plan = new ComparisonPlan { Name = "p", Command = "c", Baseline = "better", Cells = [cell] };

        var figures = PrefixFigure.All(new ComparedRuns(plan, [SyntheticComparison.Summary(cell) with { Prefixes = prefixes }]));

        figures.Single(f => f.Kind == PrefixKind.All).ShouldBe(new PrefixFigure("better", PrefixKind.All, "all", 3, .25, .666667, .416667, .5, 13.333333, 80));
        figures.Single(f => f.Kind == PrefixKind.All).AllWrong.ShouldBe(.333333);
        figures.Where(f => f.Kind == PrefixKind.Horizon).Select(f => (f.Of, f.Prefixes, f.Recovered)).ShouldBe([("2", 2, .5), ("4", 1, 1)]);
        figures.Where(f => f.Kind == PrefixKind.Confidence).Select(f => (f.Of, f.Prefixes)).ShouldBe([("0 to 0.5", 1), ("0.5 to 0.7", 1), ("0.95 to 1", 1)]);
        figures.ShouldNotContain(f => f.Kind == PrefixKind.Call);

        var sequential = SyntheticComparison.Summary(cell) with { Prefixes = prefixes, Configuration = new RunConfiguration { Resample = new ResampleOptions { Allocation = ResampleAllocation.Sequential } } };
        var stopped = PrefixFigure.All(new ComparedRuns(plan, [sequential])).Single(f => f.Kind == PrefixKind.All);
        (stopped.Success, stopped.Optimism, stopped.Recovered).ShouldBe((null, null, .666667));
    }

    private static Task<PrefixSummaries?> ReadAsync(RunConfiguration configuration, params ResampledStep[] steps) => PrefixSummaries.OfAsync(steps.ToAsyncEnumerable(), configuration, Token);

    private static Question Question(int horizon) => new()
    {
        Id = "q",
        Suite = "s",
        Category = "search",
        Text = "?",
        Answer = "!",
        Verifier = "exact",
        Horizon = horizon,
    };

    /// <summary>Prompt, call of two tokens, answer.</summary>
    private static Rollout Calling(int rollout, Outcome outcome) => new()
    {
        Id = new EpisodeId("r", Phase.Train, 1, 0, rollout),
        QuestionId = "q",
        Suite = "s",
        Tokens = [1, 2, 3, 4],
        LogProbs = [float.NaN, -.5f, -.5f, -.5f],
        Entropies = [float.NaN, .1f, .1f, .1f],
        Versions = [-1, 0, 0, 0],
        Segments = [new Segment(SegmentKind.Prompt, 0, 1), new Segment(SegmentKind.ToolCall, 1, 3), new Segment(SegmentKind.Answer, 3, 4)],
        Calls = [Call("")],
        Outcome = outcome,
        End = EndReason.Answered,
        Turns = 1,
    };

    private static Rollout Fork(Rollout source, int k, Outcome outcome, string arguments) => source with { Id = source.Id.Fork(0, k), Outcome = outcome, InheritedTokens = 2, Calls = [Call(arguments)] };

    private static ToolCall Call(string arguments) => new()
    {
        Turn = 0,
        Start = 1,
        PrefixEnd = 2,
        End = 3,
        Closed = true,
        Name = "t",
        Arguments = arguments,
    };
}
