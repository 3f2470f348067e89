namespace Axpo.Silo.Comparisons;

/// <summary>The results of a comparison, as <c>results.json</c> holds them. Rates are in [0, 1]; figures are rounded to six decimals; null is a figure that does not exist.</summary>
public sealed record ComparisonResults
{
    /// <summary>Name of the comparison.</summary>
    public required string Name { get; init; }

    /// <summary>The command that makes it.</summary>
    public required string Command { get; init; }

    /// <summary>Versions of Axpo that ran cells.</summary>
    public required IReadOnlyList<string> Versions { get; init; }

    /// <summary>Commits of the source that ran cells.</summary>
    public required IReadOnlyList<string> Commits { get; init; }

    /// <summary>Machines that ran cells.</summary>
    public required IReadOnlyList<string> Machines { get; init; }

    /// <summary>Policies that training began with, and the beginning of the hash of their weights.</summary>
    public required IReadOnlyList<string> Policies { get; init; }

    /// <summary>What was asked after training: questions of each seed, samples of each, and suites.</summary>
    public required IReadOnlyList<string> Asked { get; init; }

    /// <summary>Name of the algorithm that the others are compared with.</summary>
    public required string Baseline { get; init; }

    /// <summary>How intervals and p-values are made.</summary>
    public required string Statistics { get; init; }

    /// <summary>What every run has spent at least; null before any has finished.</summary>
    public MatchedCost? Matched { get; init; }

    /// <summary>Cells that have not finished.</summary>
    public required IReadOnlyList<string> Missing { get; init; }

    /// <summary>The algorithms.</summary>
    public required IReadOnlyList<ComparedAlgorithm> Algorithms { get; init; }

    /// <summary>Held-out figures, of all questions that the evaluation of that moment asked.</summary>
    public required IReadOnlyList<HeldOutFigure> HeldOut { get; init; }

    /// <summary>Differences from the baseline.</summary>
    public required IReadOnlyList<HeldOutDifference> Differences { get; init; }

    /// <summary>What training changed: the end of each algorithm's runs minus their start.</summary>
    public required IReadOnlyList<HeldOutDifference> Gains { get; init; }

    /// <summary>What became of resampled prefixes, over all seeds.</summary>
    public required IReadOnlyList<PrefixFigure> Prefixes { get; init; }

    /// <summary>Figures of training.</summary>
    public required IReadOnlyList<TrainingFigure> Training { get; init; }
}

/// <summary>An algorithm.</summary>
/// <param name="Name">Name in the tables.</param>
/// <param name="Algorithm">Its preset.</param>
/// <param name="Changes">What is set beyond preset and base.</param>
/// <param name="Seeds">Seeds whose runs have finished.</param>
/// <param name="VoidEpisodes">Episodes that stayed Void, in all of its runs.</param>
/// <param name="VoidAttempts">Attempts that ended Void, those mended included.</param>
/// <param name="ToolFailures">Episodes that a failing tool ended and that counted as Wrong, because that was asked for.</param>
public sealed record ComparedAlgorithm(string Name, string Algorithm, IReadOnlyList<string> Changes, IReadOnlyList<ulong> Seeds, int VoidEpisodes, int VoidAttempts, int ToolFailures);

/// <summary>A figure over seeds.</summary>
/// <param name="Mean">Mean over seeds.</param>
/// <param name="Deviation">Sample standard deviation over seeds; null with fewer than two.</param>
/// <param name="Values">Value of each seed that has one.</param>
public sealed record OverSeeds(double? Mean, double? Deviation, IReadOnlyList<SeedValue> Values);

/// <summary>The value of a seed.</summary>
/// <param name="Seed">The seed.</param>
/// <param name="Step">The step that it is of.</param>
/// <param name="Value">The value.</param>
public sealed record SeedValue(ulong Seed, int Step, double Value);

/// <summary>A held-out figure.</summary>
/// <param name="Moment">When.</param>
/// <param name="Name">Name of the algorithm.</param>
/// <param name="Sampling">How questions were sampled.</param>
/// <param name="Measure">What.</param>
/// <param name="Suite">Of which suite; null: of all.</param>
/// <param name="Calls">Of those of its questions that need so many calls in sequence; null: of all of them.</param>
/// <param name="Figure">The figure.</param>
public sealed record HeldOutFigure(Moment Moment, string Name, HeldOutSampling Sampling, string Measure, string? Suite, int? Calls, OverSeeds Figure);

/// <summary>A paired difference over the seeds that both sides have and the questions that both evaluations asked: algorithm minus baseline, or the end of an algorithm's runs minus their start.</summary>
/// <param name="Moment">When.</param>
/// <param name="Name">Name of the algorithm.</param>
/// <param name="Sampling">How questions were sampled.</param>
/// <param name="Measure">What.</param>
/// <param name="Mean">Mean difference.</param>
/// <param name="Low">Lower end of its 95% interval.</param>
/// <param name="High">Upper end of its 95% interval.</param>
/// <param name="P">p-value, not corrected.</param>
/// <param name="Corrected">p-value, corrected for all comparisons of its list and moment.</param>
/// <param name="Seeds">Seeds compared.</param>
/// <param name="Pairs">Pairs of questions, over all seeds.</param>
public sealed record HeldOutDifference(
    Moment Moment, string Name, HeldOutSampling Sampling, string Measure, double? Mean, double? Low, double? High, double? P, double? Corrected, int Seeds, int Pairs);

/// <summary>A figure of training.</summary>
/// <param name="Name">Name of the algorithm.</param>
/// <param name="Measure">What.</param>
/// <param name="Figure">The figure; its step is the last one.</param>
public sealed record TrainingFigure(string Name, string Measure, OverSeeds Figure);
