using System.Globalization;
using Axpo.Core;

namespace Axpo.Bench;

/// <summary>Bytes of the KV cache: what a token costs, and whether the budget holds when more is asked for than fits.</summary>
internal static class KvBench
{
    private const int Sessions = 33;
    private const int SmallMebibytes = 16;
    private const int Crowd = 64;

    public static async Task<IReadOnlyList<Row>> RunAsync()
    {
        using var model = new BenchModel(Shapes.Tiny);
        return [await BytesAsync(model), await BudgetAsync(model)];
    }

    private static async Task<Row> BytesAsync(BenchModel model)
    {
        await using var engine = await model.StartAsync(new EngineOptions { KvMebibytes = 1024 });
        long tokens = 0;
        for (var i = 0; i < Sessions; i++)
        {
            var length = 64 + (i * 30);
            tokens += length;
            await Requests.AllAsync(engine, [Requests.New(FormattableString.Invariant($"m/{i}"), Requests.Tokens(length, i, model.Shape.VocabSize), 0, 1, i)]);
        }

        var least = 2L * model.Shape.Layers * model.Shape.KvHeads * model.Shape.HeadDim * sizeof(float);
        var bytes = engine.Status.KvBytes / (double)tokens;
        return Row.AtMost("KV bytes a live token, lengths 64 to 1,024 / the model's least", Bytes(bytes), Bytes(least), bytes / least, 1.5);
    }

    /// <summary>64 sequences of up to 1,024 tokens at once in a cache for about four of them: waits, evictions, and never a byte over.</summary>
    private static async Task<Row> BudgetAsync(BenchModel model)
    {
        await using var engine = await model.StartAsync(new EngineOptions { KvMebibytes = SmallMebibytes });
        long most = 0;
        engine.Loop.BeforeStep = _ => most = Math.Max(most, engine.Status.KvBytes);
        await Requests.AllAsync(engine, Enumerable.Range(0, Crowd).Select(i => Requests.New(FormattableString.Invariant($"b/{i}"), Requests.Tokens(64 + (i * 15), i, model.Shape.VocabSize), 0, 16, i)));
        most = Math.Max(most, engine.Status.KvBytes);
        return Row.AtMost(
            string.Create(CultureInfo.InvariantCulture, $"most KV bytes with {Crowd} sequences of 80 to 1,025 tokens / the budget ({engine.Status.Evictions} evictions)"), Bytes(most), Bytes((long)SmallMebibytes << 20), most / (double)((long)SmallMebibytes << 20), 1);
    }

    private static string Bytes(double bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes:N0} B");
}
