using Axpo.Core;
using Axpo.Training.Generation;

namespace Axpo.Bench;

/// <summary>Requests without stop tokens: each samples exactly as many tokens as it asks for.</summary>
internal static class Requests
{
    /// <summary>Worker threads of the engines that are measured, as the engine chooses them itself.</summary>
    public static int Workers { get; } = Math.Min(Environment.ProcessorCount, 4);

    /// <summary>Sequences of one worker so that so many are live at once.</summary>
    public static int BatchFor(int live) => (live + Workers - 1) / Workers;

    public static GenerateRequest New(string session, int[] tokens, int offset, int max, int key) => new()
    {
        Session = session,
        Offset = offset,
        Tokens = tokens,
        Sampling = SamplingOptions.Training(),
        Chance = ChanceKey.Root(1).With((ulong)key),
        MaxNewTokens = max,
        StopTokens = [],
    };

    /// <summary>Random tokens of a vocabulary.</summary>
    public static int[] Tokens(int length, int seed, int vocabulary)
    {
        var stream = ChanceKey.Root((ulong)seed).With("tokens").Stream();
        return [.. Enumerable.Range(0, length).Select(_ => stream.Next(vocabulary))];
    }

    /// <summary>Generates all of them at once.</summary>
    /// <exception cref="InvalidOperationException">One of them did not get its tokens.</exception>
    public static async Task<GenerateResult[]> AllAsync(PolicyEngine engine, IEnumerable<GenerateRequest> requests)
    {
        var asked = requests.ToArray();
        var results = await Task.WhenAll(asked.Select(r => engine.GenerateAsync(r, CancellationToken.None)));
        for (var i = 0; i < asked.Length; i++)
        {
            if (results[i].Tokens.Length != asked[i].MaxNewTokens)
            {
                throw new InvalidOperationException($"session '{asked[i].Session}': {results[i].Status}, {results[i].Error}");
            }
        }

        return results;
    }
}
