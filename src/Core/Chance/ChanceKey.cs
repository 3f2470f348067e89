using System.Numerics;

namespace Axpo.Core;

/// <summary>
/// A 128-bit key of the counter-based generator (Philox4x32-10, Salmon et al., SC 2011). Every random draw of Axpo is a pure function of
/// such a key and a counter, so scheduling, batching and silo count change nothing. Keys are derived by folding words into the key;
/// a run's name, an attempt's number or a silo's identity are never folded in.
/// </summary>
/// <param name="Lo">Low 64 bits: the Philox key.</param>
/// <param name="Hi">High 64 bits: the two high words of the Philox counter.</param>
[GenerateSerializer, Immutable, Alias("axpo.ChanceKey")]
public readonly record struct ChanceKey([property: Id(0)] ulong Lo, [property: Id(1)] ulong Hi)
{
    /// <summary>The root key of a run.</summary>
    public static ChanceKey Root(ulong runSeed) => new ChanceKey(0x9E3779B97F4A7C15UL, 0xD1B54A32D192ED03UL).With(runSeed);

    /// <summary>The key of one sequence of tokens (design.md, "Chance is keyed").</summary>
    /// <param name="runSeed">Seed of the run.</param>
    /// <param name="phase">Why the sequence is generated.</param>
    /// <param name="step">Training step, from 1; 0 for work outside training.</param>
    /// <param name="question">Index of the question in the phase's list.</param>
    /// <param name="rollout">Index of the rollout inside its group.</param>
    /// <param name="path">Branches taken: empty for an original rollout.</param>
    public static ChanceKey ForSequence(ulong runSeed, Phase phase, int step, int question, int rollout, BranchPath path)
    {
        var key = Root(runSeed).With((ulong)phase).With((ulong)step).With((ulong)question).With((ulong)rollout);
        foreach (var branch in path.Branches)
        {
            key = (branch.Point == BranchPoint.Turn ? key.With("turn") : key).With((ulong)branch.Boundary).With((ulong)branch.K);
        }

        return key;
    }

    /// <summary>Folds one word into the key.</summary>
    public ChanceKey With(ulong word) => new(Mix(Lo ^ Mix(word + 0x9E3779B97F4A7C15UL)), Mix(Hi + BitOperations.RotateLeft(Mix(word ^ Lo), 23)));

    /// <summary>Folds a text into the key (FNV-1a of its UTF-16 units, then mixed).</summary>
    public ChanceKey With(string text)
    {
        var hash = 14695981039346656037UL;
        foreach (var unit in text)
        {
            hash = (hash ^ unit) * 1099511628211UL;
        }

        return With(hash);
    }

    /// <summary>32 random bits for (position, token): lane <c>token % 4</c> of Philox4x32-10 with counter (token / 4, position, Hi low, Hi high) and key Lo.</summary>
    public uint Bits(uint position, uint token)
    {
        var (x0, x1, x2, x3) = Philox.Block(token >> 2, position, (uint)Hi, (uint)(Hi >> 32), (uint)Lo, (uint)(Lo >> 32));
        return (token & 3) switch { 0 => x0, 1 => x1, 2 => x2, _ => x3 };
    }

    /// <summary>A uniform number in the open interval (0, 1): (bits + 0.5) / 2^32.</summary>
    public double Uniform(uint position, uint token) => (Bits(position, token) + 0.5) * (1.0 / 4294967296.0);

    /// <summary>A standard Gumbel number: -ln(-ln(1 - u)). Small u wins the race, where 1 - u keeps its precision.</summary>
    public double Gumbel(uint position, uint token) => -Math.Log(-Math.Log(1.0 - Uniform(position, token)));

    /// <summary>A sequential reader of draws, for shuffles and samplers.</summary>
    public ChanceStream Stream() => new(this);

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }
}
