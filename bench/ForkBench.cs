using System.Globalization;
using Axpo.Core;
using Axpo.Training.Generation;

namespace Axpo.Bench;

/// <summary>Continuations that share a prefix of 512 tokens, against private copies of an already filled cache.</summary>
internal static class ForkBench
{
    private const int Rounds = 20;
    private const int Prefix = 512;
    private const int Forks = 4;
    private const int NewTokens = 64;

    public static async Task<IReadOnlyList<Row>> RunAsync()
    {
        using var model = new BenchModel(Shapes.Tiny);
        await using var engine = await model.StartAsync(new EngineOptions { KvMebibytes = 1024 });
        Rate forks = new(), copies = new();
        long recomputed = 0;
        var prompt = Requests.Tokens(Prefix + 1, 9, Shapes.Tiny.VocabSize);
        for (var round = 0; round <= Rounds; round++)
        {
            await Requests.AllAsync(engine, [Requests.New("source", prompt, 0, 1, 0)]);
            foreach (var k in Enumerable.Range(0, Forks))
            {
                await Requests.AllAsync(engine, [Requests.New(Copy(k), prompt, 0, 1, 0)]);
            }

            var before = engine.Status.PrefilledTokens;
            await forks.AddAsync(round, 1, () => Requests.AllAsync(engine, Enumerable.Range(0, Forks).Select(k => Requests.New(FormattableString.Invariant($"source/b{Prefix}r{k}"), [], Prefix, NewTokens, k) with { ForkOf = "source" })));
            recomputed += engine.Status.PrefilledTokens - before;
            await copies.AddAsync(round, 1, () => Requests.AllAsync(engine, Enumerable.Range(0, Forks).Select(k => Requests.New(Copy(k), [], Prefix, NewTokens, k))));
            engine.Release("source");
            foreach (var k in Enumerable.Range(0, Forks))
            {
                engine.Release(Copy(k));
            }
        }

        return
        [
            Row.AtLeast($"{Forks} forks of {NewTokens} tokens after a prefix of {Prefix} / private copies of a filled cache", Milliseconds(forks), Milliseconds(copies), forks.Against(copies), 1),
            Row.AtMost("prefix tokens computed again by forks", string.Create(CultureInfo.InvariantCulture, $"{recomputed} tokens"), "", recomputed, 0),
        ];
    }

    private static string Copy(int k) => FormattableString.Invariant($"copy{k}");

    private static string Milliseconds(Rate rate) => string.Create(CultureInfo.InvariantCulture, $"{1000 / rate.PerSecond:F1} ms");
}
