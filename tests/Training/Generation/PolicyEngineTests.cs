using Axpo.Core;
using Axpo.Training.Generation;
using Shouldly;
using Xunit;
using static Axpo.Training.Tests.Generation.EngineFixture;

namespace Axpo.Training.Tests.Generation;

public class PolicyEngineTests(EngineFixture fixture) : IClassFixture<EngineFixture>
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task Log_probs_are_those_of_the_whole_sequence()
    {
        await using var engine = await fixture.StartAsync();
        var requests = Enumerable.Range(0, 20).Select(i => Request($"s{i}", Prompt(3 + (7 * i), (ulong)i), max: 30, key: i, sampling: SamplingOptions.Training(i % 2 == 0 ? 1.0 : 0.7))).ToList();
        var results = await Task.WhenAll(requests.Select(r => engine.GenerateAsync(r, None)));
        foreach (var (request, result) in requests.Zip(results))
        {
            result.Status.ShouldBe(GenerateStatus.Done, result.Error);
            result.Tokens.Length.ShouldBe(30);
            result.Stop.ShouldBe(StopReason.MaxTokens);
            result.PrefilledTokens.ShouldBe(request.Tokens.Length);
            ShouldAgree(result, WholeSequence(fixture.Folder, request.Tokens, result.Tokens, request.Sampling.Temperature));
        }

        var status = engine.Status;
        status.GeneratedTokens.ShouldBe(600);
        status.PrefilledTokens.ShouldBe(requests.Sum(r => r.Tokens.Length));
        status.Healthy.ShouldBeTrue();
    }

    [Fact]
    public async Task The_chosen_tokens_are_those_of_keyed_gumbel_max_on_the_learners_logits()
    {
        await using var engine = await fixture.StartAsync();
        var prompt = Prompt(9);
        var result = await engine.GenerateAsync(Request("s", prompt, max: 16, key: 3), None);
        for (var i = 0; i < result.Tokens.Length; i++)
        {
            // log-probs are logits up to a constant, which the argmax does not see.
            int[] context = [.. prompt, .. result.Tokens[..i]];
            var row = Enumerable.Range(0, Vocabulary).Select(t => t).ToArray();
            var logProbs = AllLogProbs(context);
            var best = row.MaxBy(t => logProbs[t] + Key(3).Gumbel((uint)context.Length, (uint)t));
            result.Tokens[i].ShouldBe(best);
        }
    }

    [Fact]
    public async Task A_second_turn_sends_new_tokens_only()
    {
        await using var engine = await fixture.StartAsync();
        var prompt = Prompt(21);
        var first = await engine.GenerateAsync(Request("s", prompt, max: 10, key: 1), None);
        var held = prompt.Length + first.Tokens.Length;
        var observation = Prompt(15, 9);
        var second = await engine.GenerateAsync(Request("s", observation, offset: held, max: 10, key: 1), None);
        second.PrefilledTokens.ShouldBe(observation.Length);
        int[] context = [.. prompt, .. first.Tokens, .. observation];
        ShouldAgree(second, WholeSequence(fixture.Folder, context, second.Tokens, 1));

        // Without the session the caller is told to send everything; then the tokens are the same ones.
        engine.Release("s");
        (await engine.GenerateAsync(Request("s", observation, offset: held, max: 10, key: 1), None)).Status.ShouldBe(GenerateStatus.SessionMissing);
        var again = await engine.GenerateAsync(Request("s", context, max: 10, key: 1), None);
        again.Tokens.ShouldBe(second.Tokens);
        again.PrefilledTokens.ShouldBe(context.Length);
    }

    [Fact]
    public async Task A_turn_repeated_after_a_lost_answer_is_the_same_turn()
    {
        await using var engine = await fixture.StartAsync();
        var prompt = Prompt(21);
        var once = await engine.GenerateAsync(Request("s", prompt, max: 10, key: 1), None);
        var twice = await engine.GenerateAsync(Request("s", prompt, max: 10, key: 1), None);
        twice.Tokens.ShouldBe(once.Tokens);
        twice.PrefilledTokens.ShouldBe(0);
    }

    [Fact]
    public async Task A_group_computes_its_prompt_once()
    {
        await using var engine = await fixture.StartAsync();
        var prompt = Prompt(37);
        var results = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => engine.GenerateAsync(Request($"g/{i}", prompt, key: i, group: "g"), None)));
        results.Sum(r => r.PrefilledTokens).ShouldBe(prompt.Length);
        results.Count(r => r.PrefilledTokens == 0).ShouldBe(7);
        engine.Status.PrefilledTokens.ShouldBe(prompt.Length);
        engine.Status.SharedTokens.ShouldBe(7L * prompt.Length);
        foreach (var result in results)
        {
            ShouldAgree(result, WholeSequence(fixture.Folder, prompt, result.Tokens, 1));
        }

        results.Select(r => string.Join(',', r.Tokens)).Distinct().Count().ShouldBeGreaterThan(4);
        engine.Release("g");
        (await engine.GenerateAsync(Request("other", [1], max: 1), None)).Status.ShouldBe(GenerateStatus.Done);
        engine.Status.Sessions.ShouldBe(1);
    }

    [Theory]
    [InlineData(16)]
    [InlineData(17)]
    [InlineData(29)]
    [InlineData(32)]
    public async Task Forks_recompute_no_token_of_the_prefix(int offset)
    {
        await using var engine = await fixture.StartAsync();
        var prompt = Prompt(12);
        var source = await engine.GenerateAsync(Request("g/0", prompt, max: 30), None);
        int[] prefix = [.. prompt.Concat(source.Tokens).Take(offset)];
        var before = engine.Status.PrefilledTokens;
        var forks = await Task.WhenAll(Enumerable.Range(0, 4).Select(k => engine.GenerateAsync(Request($"g/0/b{offset}r{k}", [], offset: offset, key: 50 + k, forkOf: "g/0", group: "g"), None)));
        engine.Status.PrefilledTokens.ShouldBe(before);
        foreach (var fork in forks)
        {
            fork.Status.ShouldBe(GenerateStatus.Done, fork.Error);
            fork.PrefilledTokens.ShouldBe(0);
            ShouldAgree(fork, WholeSequence(fixture.Folder, prefix, fork.Tokens, 1));
        }

        // The source goes on undisturbed, and a fork may have tokens of its own.
        var more = Prompt(5, 3);
        var continued = await engine.GenerateAsync(Request("g/0", more, offset: prompt.Length + source.Tokens.Length), None);
        ShouldAgree(continued, WholeSequence(fixture.Folder, [.. prompt, .. source.Tokens, .. more], continued.Tokens, 1));
        var own = await engine.GenerateAsync(Request("g/0/b1r9", more, offset: offset, forkOf: "g/0"), None);
        own.PrefilledTokens.ShouldBe(more.Length);
        ShouldAgree(own, WholeSequence(fixture.Folder, [.. prefix, .. more], own.Tokens, 1));
    }

    [Fact]
    public async Task A_fork_without_its_source_is_missing()
    {
        await using var engine = await fixture.StartAsync();
        var result = await engine.GenerateAsync(Request("a/b5r0", [], offset: 5, forkOf: "a"), None);
        result.Status.ShouldBe(GenerateStatus.SessionMissing);
        result.Error!.ShouldContain("offset 0");
    }

    [Fact]
    public async Task Stops_at_stop_tokens_and_at_the_end_of_the_context()
    {
        await using var engine = await fixture.StartAsync(new EngineOptions { MaxContext = 40, KvMebibytes = 64 });
        engine.MaxContext.ShouldBe(40);
        var free = await engine.GenerateAsync(Request("a", Prompt(30), max: 100), None);
        free.Stop.ShouldBe(StopReason.ContextFull);
        free.Tokens.Length.ShouldBe(10);
        var stop = free.Tokens[4];
        var stopped = await engine.GenerateAsync(Request("b", Prompt(30), max: 100, stops: [stop]), None);
        stopped.Stop.ShouldBe(StopReason.StopToken);
        stopped.Tokens.ShouldBe(free.Tokens[..(Array.IndexOf(free.Tokens, stop) + 1)]);
        var full = await engine.GenerateAsync(Request("a", [], offset: 40, max: 1), None);
        (full.Status, full.Stop, full.Tokens.Length).ShouldBe((GenerateStatus.Done, StopReason.ContextFull, 0));
    }

    [Fact]
    public async Task Greedy_and_cut_sampling()
    {
        await using var engine = await fixture.StartAsync();
        var prompt = Prompt(10);
        var greedy = await engine.GenerateAsync(Request("a", prompt, sampling: new SamplingOptions { Temperature = 0 }), None);
        var logProbs = AllLogProbs([.. prompt, .. greedy.Tokens[..5]]);
        greedy.Tokens[5].ShouldBe(Enumerable.Range(0, Vocabulary).MaxBy(t => logProbs[t]));
        greedy.LogProbs.ShouldAllBe(p => p == 0);
        var one = await engine.GenerateAsync(Request("b", prompt, sampling: new SamplingOptions { TopK = 1 }), None);
        one.Tokens.ShouldBe(greedy.Tokens);
        var paper = await engine.GenerateAsync(Request("c", prompt, sampling: SamplingOptions.PaperEvaluation), None);
        paper.LogProbs.ShouldAllBe(p => p <= 0);
    }

    [Fact]
    public async Task Requests_that_mean_nothing_are_named()
    {
        await using var engine = await fixture.StartAsync();
        (await Should.ThrowAsync<ArgumentException>(() => engine.GenerateAsync(Request("a", [Vocabulary]), None))).Message.ShouldContain("Tokens[0] is 200");
        (await Should.ThrowAsync<ArgumentException>(() => engine.GenerateAsync(Request("a", []), None))).Message.ShouldContain("Tokens is empty");
        (await Should.ThrowAsync<ArgumentException>(() => engine.GenerateAsync(Request("a", [1], sampling: new SamplingOptions { TopP = 0 }), None))).Message.ShouldContain("TopP is 0");
    }

    private float[] AllLogProbs(int[] context) => Distribution(context);

    private float[] Distribution(int[] context)
    {
        using var decoder = Axpo.Training.Models.Decoder.Load(fixture.Folder);
        using var scope = TorchSharp.torch.NewDisposeScope();
        using var guard = TorchSharp.torch.no_grad();
        long[] ids = [.. context.Select(t => (long)t)];
        var hidden = decoder.Forward(TorchSharp.torch.tensor(ids), TorchSharp.torch.arange(ids.Length, TorchSharp.torch.ScalarType.Int64), Axpo.Training.Models.CausalAttention.Packed([ids.Length], decoder.Config));
        return [.. TorchSharp.torch.nn.functional.log_softmax(decoder.Logits(hidden), -1)[ids.Length - 1].data<float>()];
    }
}
