using Axpo.Core;
using Axpo.Training.Generation;
using Axpo.Training.Tests.Models;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Xunit;

namespace Axpo.Training.Tests.Generation;

/// <summary>A real pretrained model (AXPO_MODELS) through the engine, many prompts at once: transformers' greedy tokens, its log-probs forced, after forks, and of prompts that come in pieces.</summary>
[Trait("Category", "Parity")]
[Trait("Family", "smollm2")]
public sealed class PretrainedEngineTests(PretrainedEngineTests.Engine fixture) : IClassFixture<PretrainedEngineTests.Engine>
{
    private const double Tolerance = 1e-3;

    // What is live at once, in tokens, and the tokens of a long prompt that are forced one by one.
    private const int LiveTokens = 4096;
    private const int ForcedTokens = 16;

    public static TheoryData<string> Files => PretrainedCase.Files;

    [Theory]
    [MemberData(nameof(Files))]
    public async Task Greedy_tokens_go_on_past_the_end_of_a_turn(string file)
    {
        var wrong = await ForEach(file, async (engine, item, wrong) =>
        {
            if (item.GreedyIds.Length == 0)
            {
                return;
            }

            var sampled = await Generate(engine, ParityRequest.New($"{item.Name}/greedy", item.Ids, item.GreedyIds.Length) with { Sampling = new SamplingOptions { Temperature = 0 } });
            wrong.SameTokens($"{item.Name}: greedy token", sampled.Tokens, item.GreedyIds, item.GreedyTop2Gap);
        });
        wrong.Found.ShouldBeEmpty();
    }

    [Theory]
    [MemberData(nameof(Files))]
    public async Task Forced_log_probs_of_a_continuation_and_of_a_fork_in_its_middle(string file)
    {
        var wrong = await ForEach(file, async (engine, item, wrong) =>
        {
            if (item.GreedyIds.Length == 0)
            {
                return;
            }

            var forced = await Generate(engine, ParityRequest.New($"{item.Name}/forced", item.Ids, item.GreedyIds.Length) with { Forced = item.GreedyIds });
            wrong.Near($"{item.Name}: forced", forced.LogProbs, item.GreedyLogprobs);

            var half = item.GreedyIds.Length / 2;
            var fork = await Generate(engine, ParityRequest.New($"{item.Name}/fork", [], item.GreedyIds.Length - half) with
            {
                ForkOf = $"{item.Name}/forced",
                Offset = item.Ids.Length + half,
                Forced = item.GreedyIds[half..],
            });
            wrong.Near($"{item.Name}: fork", fork.LogProbs, item.GreedyLogprobs[half..]);
            wrong.Same($"{item.Name}: tokens that the fork computed again", fork.PrefilledTokens, 0);

            // The best tokens after the prompt, each a fork of its own: the engine says log-probs, the reference logits.
            await Task.WhenAll((item.LastLogsumexp is null ? [] : item.Top20Ids).Select(async (token, rank) =>
            {
                var one = await Generate(engine, ParityRequest.New($"{item.Name}/top{rank}", [], 1) with { ForkOf = $"{item.Name}/forced", Offset = item.Ids.Length, Forced = [token] });
                lock (wrong)
                {
                    wrong.Near($"{item.Name}: place {rank}", one.LogProbs[0], item.Top20Logits[rank] - item.LastLogsumexp!.Value);
                }
            }));
        });
        wrong.Found.ShouldBeEmpty();
    }

    [Theory]
    [MemberData(nameof(Files))]
    public async Task Forced_log_probs_of_a_prompt_that_comes_in_pieces(string file)
    {
        var wrong = await ForEach(file, async (engine, item, wrong) =>
        {
            double[] want = [.. item.PromptLogprobs.Select(p => p ?? double.NaN)];
            if (want.Length == 0)
            {
                return;
            }

            // From the first token on, and after a prefill of all but the last ones.
            var count = Math.Min(ForcedTokens, item.Ids.Length - 1);
            var first = await Generate(engine, ParityRequest.New($"{item.Name}/first", item.Ids[..1], count) with { Forced = item.Ids[1..(1 + count)] });
            wrong.Near($"{item.Name}: first", first.LogProbs, want[1..(1 + count)]);
            var start = item.Ids.Length - count;
            var last = await Generate(engine, ParityRequest.New($"{item.Name}/last", item.Ids[..start], count) with { Forced = item.Ids[start..] });
            wrong.Near($"{item.Name}: last", last.LogProbs, want[start..]);

            // Turns of uneven length, of which each forces the token after it.
            for (int at = 0, length = 1; at + length < item.Ids.Length; at += length + 1, length = (2 * length) + 3)
            {
                var end = at + length;
                var turn = await Generate(engine, ParityRequest.New($"{item.Name}/turns", item.Ids[at..end], 1) with { Offset = at, Forced = [item.Ids[end]] });
                wrong.Near($"{item.Name}: turn to {end}", turn.LogProbs[0], want[end]);
            }
        });
        wrong.Found.ShouldBeEmpty();
        wrong.Compared.ShouldBeGreaterThan(PretrainedCase.Of(file).Length);
    }

    /// <summary>Does it with every case of a file, as many at once as fit.</summary>
    private async Task<Mismatches> ForEach(string file, Func<PolicyEngine, PretrainedCase, Mismatches, Task> run)
    {
        var (cases, all) = (PretrainedCase.Of(file), new Mismatches(Tolerance));
        var engine = await fixture.StartedAsync();
        for (var at = 0; at < cases.Length;)
        {
            var (live, tokens) = (new List<PretrainedCase>(), 0);
            while (at < cases.Length && (live.Count == 0 || tokens + cases[at].Whole.Length <= LiveTokens))
            {
                tokens += cases[at].Whole.Length;
                live.Add(cases[at++]);
            }

            var found = live.Select(_ => new Mismatches(Tolerance)).ToArray();
            await Task.WhenAll(live.Select((item, i) => run(engine, item, found[i])));
            live.ForEach(item => engine.Release(item.Name + "/"));
            all.Add(found);
        }

        return all;
    }

    private static async Task<GenerateResult> Generate(PolicyEngine engine, GenerateRequest request)
    {
        var result = await engine.GenerateAsync(request, TestContext.Current.CancellationToken);
        result.Status.ShouldBe(GenerateStatus.Done, result.Error);
        return result;
    }

    /// <summary>The engine, started once.</summary>
    public sealed class Engine : IAsyncDisposable
    {
        private PolicyEngine? _engine;

        public async Task<PolicyEngine> StartedAsync() => _engine ??= await PolicyEngine.StartAsync(
            PretrainedFolder.Require(), new EngineOptions { KvMebibytes = 2048, Workers = 2, Device = "cpu" }, TimeProvider.System, NullLogger<PolicyEngine>.Instance, cancellationToken: TestContext.Current.CancellationToken);

        public ValueTask DisposeAsync() => _engine?.DisposeAsync() ?? ValueTask.CompletedTask;
    }
}
