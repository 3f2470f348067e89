using Axpo.Core;

namespace Axpo.Training.Tests.Generation;

/// <summary>Requests of the tests that hold the engine to another program's numbers.</summary>
internal static class ParityRequest
{
    /// <summary>A fresh session at temperature 1, which nothing but its length ends.</summary>
    public static GenerateRequest New(string session, int[] tokens, int count) => new()
    {
        Session = session,
        Offset = 0,
        Tokens = tokens,
        MaxNewTokens = count,
        StopTokens = [],
        Sampling = SamplingOptions.Training(),
        Chance = ChanceKey.Root(1).With(session),
    };
}
