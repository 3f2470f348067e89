using Axpo.Core;
using Axpo.Training.Generation;
using Shouldly;
using Xunit;
using static Axpo.Training.Tests.Generation.EngineFixture;

namespace Axpo.Training.Tests.Generation;

/// <summary>What cannot be done is refused with the field and its value, and those beside it do not notice.</summary>
public sealed class EngineRefusalTests(EngineFixture fixture) : IClassFixture<EngineFixture>
{
    private static readonly CancellationToken None = CancellationToken.None;
    private static readonly EngineOptions Options = new() { Deterministic = true, Workers = 2, KvMebibytes = 1, MaxContext = 3000 };

    public static TheoryData<string, GenerateStatus?, string[]> Refusals => new()
    {
        { "no session", null, ["Session is empty"] },
        { "offset", null, ["Offset is -1"] },
        { "no tokens at all", null, ["Tokens is empty at offset 0"] },
        { "unknown token", null, ["Tokens[2] is 200", "0 to 199"] },
        { "negative token", null, ["Tokens[0] is -7"] },
        { "nothing to sample", null, ["MaxNewTokens is 0"] },
        { "hot", null, ["Sampling.Temperature is NaN"] },
        { "out of budget", GenerateStatus.Fault, ["Tokens.Length 3", "MaxNewTokens 2900", "182 KV pages", "engine.kvMebibytes allows 102"] },
        { "over-long", GenerateStatus.Done, ["Tokens.Length 3100", "3000 (engine.maxContext)"] },
        { "unknown session", GenerateStatus.SessionMissing, ["first 9 tokens of 'refused'"] },
        { "unknown source", GenerateStatus.SessionMissing, ["first 9 tokens of 'nowhere'"] },
        { "cancelled", GenerateStatus.Cancelled, ["'refused'", "cancelled before the request was queued"] },
        { "too late", GenerateStatus.Cancelled, ["Deadline 2001-02-03T00:00:00.0000000+00:00 had passed"] },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public async Task A_refusal_names_the_field_and_disturbs_nobody(string what, GenerateStatus? status, string[] words)
    {
        var folder = fixture.Make("refusing " + what, 1, Config with { MaxPositions = 4096 });
        var wanted = await EightAsync(folder, _ => { });
        Task<GenerateResult>? refused = null;
        var queued = 0;
        var results = await EightAsync(folder, engine =>
        {
            refused = engine.GenerateAsync(Bad(what), what == "cancelled" ? new CancellationToken(canceled: true) : None);
            queued = engine.Status.QueuedSequences;
        });
        if (status is null)
        {
            queued.ShouldBe(0);
            var message = (await Should.ThrowAsync<ArgumentException>(refused!)).Message;
            words.ShouldAllBe(w => message.Contains(w, StringComparison.Ordinal), message);
        }
        else
        {
            queued.ShouldBe(status == GenerateStatus.Cancelled ? 0 : 1);
            var result = await refused!;
            (result.Status, result.Tokens.Length).ShouldBe((status.Value, 0));
            words.ShouldAllBe(w => result.Error!.Contains(w, StringComparison.Ordinal), result.Error);
        }

        for (var i = 0; i < 8; i++)
        {
            (results[i].Status, results[i].Tokens.Length).ShouldBe((GenerateStatus.Done, 30));
            results[i].Tokens.ShouldBe(wanted[i].Tokens);
            results[i].LogProbs.ShouldBe(wanted[i].LogProbs);
            results[i].Entropies.ShouldBe(wanted[i].Entropies);
        }
    }

    private static GenerateRequest Bad(string what)
    {
        var good = Request("refused", [1, 2, 3]);
        return what switch
        {
            "no session" => good with { Session = "" },
            "offset" => good with { Offset = -1 },
            "no tokens at all" => good with { Tokens = [] },
            "unknown token" => good with { Tokens = [1, 2, Vocabulary] },
            "negative token" => good with { Tokens = [-7] },
            "nothing to sample" => good with { MaxNewTokens = 0 },
            "hot" => good with { Sampling = new SamplingOptions { Temperature = double.NaN } },
            "out of budget" => good with { MaxNewTokens = 2900 },
            "over-long" => good with { Tokens = Prompt(3100) },
            "unknown session" => good with { Offset = 9 },
            "unknown source" => good with { Offset = 9, ForkOf = "nowhere" },
            "cancelled" => good,
            "too late" => good with { Deadline = new DateTimeOffset(2001, 2, 3, 0, 0, 0, TimeSpan.Zero) },
            _ => throw new ArgumentOutOfRangeException(nameof(what), what, "is no refusal"),
        };
    }

    /// <summary>Eight live sequences, and something that happens in the middle of them.</summary>
    private async Task<GenerateResult[]> EightAsync(string folder, Action<PolicyEngine> happens)
    {
        await using var engine = await fixture.StartAsync(Options, folder: folder);
        using var posted = new ManualResetEventSlim();
        engine.Loop.BeforeStep = step =>
        {
            posted.Wait();
            if (step == 10)
            {
                engine.Status.LiveSequences.ShouldBe(8);
                happens(engine);
            }
        };
        var eight = Enumerable.Range(0, 8).Select(i => engine.GenerateAsync(Request($"s{i}", Prompt(5 + i, (ulong)i), max: 30, key: i), None)).ToArray();
        posted.Set();
        return await Task.WhenAll(eight);
    }
}
