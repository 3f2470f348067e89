using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Algorithm;

public sealed class BoundariesTests
{
    [Theory]
    [InlineData(Boundary.First, 0)]
    [InlineData(Boundary.LeastConfident, 1)]
    [InlineData(Boundary.LastBeforeFailure, 3)]
    public void Rules_that_need_no_observation(Boundary boundary, int expected) =>
        Boundaries.CallOf(boundary, Some.Summary(0, 0, Outcome.Wrong, .6, .2, .2, .4), []).ShouldBe(expected);

    [Theory]
    [InlineData("a!b!", 1)]
    [InlineData("!abc", 0)]
    [InlineData("abc", 2)] // None is bad: the last call.
    [InlineData("a", 0)]
    public void First_error_is_the_first_bad_observation_or_the_last_call(string source, int expected) =>
        Boundaries.CallOf(Boundary.FirstError, Observed(0, 'w', source), []).ShouldBe(expected);

    [Theory]
    [InlineData("abx", "c:abc", 2)] // Against a correct one any other observation diverges.
    [InlineData("xbc", "c:abc", 0)]
    [InlineData("xbc", "c:abc c:xbd", 2)] // x is seen in one of them.
    [InlineData("abc", "c:abc", 2)] // The same: the last call.
    [InlineData("ab!", "c:abc", 2)]
    [InlineData("!yz", "c:abc", 0)] // Bad before anything else.
    [InlineData("axc", "c:a!c", 2)] // Bad observations of the pool do not count: nothing to compare at depth 1.
    [InlineData("abx", "c:ab", 2)] // The pool is shorter: the last call.
    [InlineData("axc", "c:abc w:axc w:axd", 1)] // Wrong ones are no judges beside a correct one.
    [InlineData("axc", "w:abc w:abd", 1)] // None is correct: two agree and this one differs.
    [InlineData("axc", "w:abc w:acd", 2)] // No two agree at depth 1, nor at depth 2: the last call.
    [InlineData("axc", "w:abc w:abd w:axe", 2)] // Two agree, but this one is seen as well.
    [InlineData("axc", "w:a!c w:a!d", 2)] // Two bad ones agree on nothing.
    [InlineData("axc", "v:abc v:abd", 2)] // Void ones are not there.
    [InlineData("axc", "n n", 2)] // Nor are those without a call.
    [InlineData("abc", "", 2)]
    public void First_divergence_as_the_regime_defines_it(string source, string others, int expected)
    {
        RolloutSummary[] group =
        [
            Observed(0, 'w', source),
            .. others.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select((o, i) => o == "n" ? Some.Summary(0, i + 1, Outcome.Wrong) : Observed(i + 1, o[0], o[2..])),
        ];
        Boundaries.CallOf(Boundary.FirstDivergence, group[0], group).ShouldBe(expected);
        Boundaries.CallOf(Boundary.FirstDivergence, group[0], [.. group.Reverse()]).ShouldBe(expected);
    }

    [Fact]
    public void A_summary_knows_its_observations_by_their_hash()
    {
        var rollout = Some.Rollout(Some.Id(0, 0), Outcome.Wrong, Some.Tool);
        var hash = RolloutSummaries.Of(rollout, null).CallObservations.ShouldHaveSingleItem();
        hash.ShouldBe(Hash("out"));
        hash.ShouldNotBe(Hash("out "));
        Hash("").ShouldNotBe(0UL, "an empty observation is one");
        Hash(null).ShouldBe(0UL);

        // SHA-256("abc") = ba7816bf 8f01cfea ...
        Hash("abc").ShouldBe(0xeacf018fbf1678baUL);

        ulong Hash(string? text) => RolloutSummaries.Of(rollout with { Calls = [rollout.Calls[0] with { Observation = text }] }, null).CallObservations[0];
    }

    /// <summary>A rollout by its observations, a letter each; ! is a bad one.</summary>
    private static RolloutSummary Observed(int rollout, char outcome, string observations) =>
        Some.Summary(0, rollout, outcome switch { 'c' => Outcome.Correct, 'w' => Outcome.Wrong, _ => Outcome.Void }, [.. observations.Select(_ => .5)]) with
        {
            CallErrors = [.. observations.Select(o => o == '!')],
            CallObservations = [.. observations.Select(o => (ulong)o)],
        };
}
