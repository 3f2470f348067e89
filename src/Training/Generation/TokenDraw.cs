using Axpo.Core;

namespace Axpo.Training.Generation;

/// <summary>How a row is drawn.</summary>
internal enum DrawKind
{
    /// <summary>The likeliest token.</summary>
    Greedy,

    /// <summary>From every token.</summary>
    Whole,

    /// <summary>From the k likeliest tokens, and of them perhaps only the nucleus.</summary>
    TopK,

    /// <summary>From the nucleus of every token.</summary>
    Nucleus,
}

/// <summary>One row on its way through the tiles of the vocabulary: what is known after those that were taken.</summary>
internal sealed class TokenDraw
{
    // Tokens of the nucleus are asked for with this slack, for the threshold is rounded.
    private const double Slack = .99;

    private int _vocabulary;

    public SamplingOptions Options { get; private set; } = SamplingOptions.Training();

    public DrawKind Kind { get; private set; }

    public ChanceKey Chance { get; private set; }

    public uint Position { get; private set; }

    public double Temperature => Options.Temperature;

    /// <summary>Largest logit; what the sums are relative to.</summary>
    public float Max { get; set; }

    /// <summary>Sum of w = exp((x - max) / T).</summary>
    public double Total { get; private set; }

    /// <summary>Sum of w (x - max) / T.</summary>
    public double Weighted { get; private set; }

    public int Best { get; set; }

    public double BestScore { get; set; }

    public float BestLogit { get; set; }

    /// <summary>Tokens that may be kept, where only some are.</summary>
    public CandidateTokens Candidates { get; } = new();

    /// <summary>
    /// Least logit of a token that may be in the nucleus. Tokens lighter than (1 - p) total / V weigh less than (1 - p) total all together, so that those before them reach p; and what was
    /// summed so far is at most the total.
    /// </summary>
    public float LeastOfNucleus => MathF.BitDecrement((float)(Max + (Temperature * Math.Log(Slack * (1 - Options.TopP) * Total / _vocabulary))));

    /// <summary>How options ask for a token of a vocabulary.</summary>
    public static DrawKind KindOf(SamplingOptions options, int vocabulary) =>
        options.Temperature <= 0 ? DrawKind.Greedy : IsLimited(options, vocabulary) ? DrawKind.TopK : options.TopP < 1 ? DrawKind.Nucleus : DrawKind.Whole;

    /// <summary>Starts a row.</summary>
    public void Begin(SamplingOptions options, ChanceKey chance, int position, int vocabulary)
    {
        (Options, Chance, Position, _vocabulary) = (options, chance, (uint)position, vocabulary);
        Kind = KindOf(options, vocabulary);
        (Max, Total, Weighted) = (float.NegativeInfinity, 0, 0);
        (Best, BestScore, BestLogit) = (-1, double.NegativeInfinity, 0);
        Candidates.Clear(IsLimited(options, vocabulary) ? options.TopK : int.MaxValue);
    }

    /// <summary>Adds a tile's sums, which are relative to the tile's own largest logit.</summary>
    public void Add(float max, double total, double weighted)
    {
        if (max > Max)
        {
            Rescale(max);
        }

        var shift = ((double)max - Max) / Temperature;
        var scale = Math.Exp(shift);
        Weighted += scale * (weighted + (shift * total));
        Total += scale * total;
    }

    private static bool IsLimited(SamplingOptions options, int vocabulary) => options.TopK > 0 && options.TopK < vocabulary;

    private void Rescale(float max)
    {
        if (Total > 0)
        {
            var shift = ((double)Max - max) / Temperature;
            var scale = Math.Exp(shift);
            Weighted = scale * (Weighted + (shift * Total));
            Total *= scale;
        }

        Max = max;
    }
}
