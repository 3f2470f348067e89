using Axpo.Core;
using Axpo.Training.Objectives;
using Shouldly;
using Xunit;

namespace Axpo.Training.Tests.Objectives;

/// <summary>What is rejected between engine and learner, against verl's masks.</summary>
public sealed class RejectionTests
{
    public static TheoryData<string> Names => PeerFixture.Names("verl", "rollout_rs");

    [Theory]
    [MemberData(nameof(Names))]
    [Trait("Category", "Parity")]
    [Trait("Family", "objectives")]
    public void Verl(string name)
    {
        var fixture = PeerFixture.Open("verl", name);
        var tokens = new PeerTokens(fixture.Mask);
        var kept = Rejection.Kept(tokens.Jagged(EngineCorrectionTests.Differences(fixture)), VerlOptions.Rejection(fixture.Options));
        fixture.ShouldMatch(tokens.Scatter([.. kept.SelectMany(k => k).Select(k => k ? 1.0 : 0)]), "mask");
        (kept.Sum(k => k.Count(x => !x)) / (double)tokens.Count).ShouldBe(PeerFixture.Number(fixture.Json["metrics"]!["rollout_rs_masked_fraction"]!), fixture.Tolerance);
    }

    [Fact]
    public void Without_a_rule_nothing_is_rejected() => Rejection.Kept([[9, -9], []], new RejectionOptions()).ShouldBe([[true, true], []]);
}
