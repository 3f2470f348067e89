using Axpo.Core;
using Shouldly;
using Xunit;
using static Axpo.Training.Tests.Generation.EngineFixture;

namespace Axpo.Training.Tests.Generation;

/// <summary>Stop sequences and forced tokens.</summary>
public class StopAndForceTests(EngineFixture fixture) : IClassFixture<EngineFixture>
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task A_stop_sequence_ends_the_generation_where_it_is_complete()
    {
        await using var engine = await fixture.StartAsync();
        var request = Request("a", Prompt(6), max: 40);
        var free = await engine.GenerateAsync(request, None);
        var stop = free.Tokens[10..13];
        var stopped = await engine.GenerateAsync(request with { Session = "b", StopSequences = [[1, 2, 3, 4, 5, 6, 7], stop] }, None);
        (stopped.Status, stopped.Stop).ShouldBe((GenerateStatus.Done, StopReason.StopToken));
        var first = Enumerable.Range(0, 40).First(i => free.Tokens.Take(i + 1).TakeLast(3).SequenceEqual(stop));
        stopped.Tokens.ShouldBe(free.Tokens[..(first + 1)]);

        // Beginning in the context, or in an earlier turn, it is none.
        int[] across = [Prompt(6)[^1], free.Tokens[0]];
        (await engine.GenerateAsync(request with { Session = "c", StopSequences = [across], MaxNewTokens = 1 }, None)).Stop.ShouldBe(StopReason.MaxTokens);
        (await engine.GenerateAsync(request with { Session = "b", Offset = 6 + first + 1, Tokens = [], MaxNewTokens = 1, StopSequences = [free.Tokens[first..(first + 2)]] }, None)).Stop.ShouldBe(StopReason.MaxTokens);
    }

    [Theory]
    [InlineData(1.0)]
    [InlineData(0.7)]
    public async Task Forced_tokens_come_first_with_their_log_probs_and_sampling_goes_on_after_them(double temperature)
    {
        await using var engine = await fixture.StartAsync();
        var prompt = Prompt(6);
        int[] forced = [7, 0, 199, 42, 42];
        var request = Request("a", prompt, max: 12, sampling: SamplingOptions.Training(temperature)) with { Forced = forced };
        var result = await engine.GenerateAsync(request, None);
        result.Tokens[..5].ShouldBe(forced);
        ShouldAgree(result, WholeSequence(fixture.Folder, prompt, result.Tokens, temperature));

        // What follows is what a session with these tokens in its context samples; forcing what would have been drawn changes nothing.
        var after = await engine.GenerateAsync(request with { Session = "b", Tokens = [.. prompt, .. forced], Forced = [], MaxNewTokens = 7 }, None);
        result.Tokens[5..].ShouldBe(after.Tokens);
        var free = await engine.GenerateAsync(request with { Session = "c", Forced = [] }, None);
        var same = await engine.GenerateAsync(request with { Session = "d", Forced = free.Tokens }, None);
        same.Tokens.ShouldBe(free.Tokens);
        same.Stop.ShouldBe(StopReason.MaxTokens);
        for (var i = 0; i < 12; i++)
        {
            same.LogProbs[i].ShouldBe(free.LogProbs[i], 1e-4f);
        }
    }

    [Fact]
    public async Task A_forced_stop_ends_it()
    {
        await using var engine = await fixture.StartAsync();
        var result = await engine.GenerateAsync(Request("a", Prompt(6), stops: [9]) with { Forced = [8, 9, 10] }, None);
        (result.Stop, string.Join(' ', result.Tokens)).ShouldBe((StopReason.StopToken, "8 9"));
    }

    [Fact]
    public async Task What_means_nothing_is_named()
    {
        await using var engine = await fixture.StartAsync();
        async Task Refused(GenerateRequest request, string words) => (await Should.ThrowAsync<ArgumentException>(engine.GenerateAsync(request, None))).Message.ShouldContain(words);
        var good = Request("a", [1], max: 2);
        await Refused(good with { StopSequences = [[1], []] }, "StopSequences[1] is empty");
        await Refused(good with { Forced = [1, 2, 3] }, "Forced has 3 tokens and MaxNewTokens is 2");
        await Refused(good with { Forced = [1, 200] }, "Forced[1] is 200");
        await Refused(good with { Forced = [1], Sampling = SamplingOptions.PaperEvaluation }, "top-k 20");
    }
}
