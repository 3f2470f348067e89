namespace Axpo.Core;

/// <summary>A = (r - mean) / (std + eps) over the group (GRPO, arXiv:2402.03300 4.1.2); a group without spread gives exactly 0, one of one with the rule "reward" r / (1 + eps) (verl).</summary>
public sealed class GrpoAdvantage : GroupAdvantage
{
    /// <inheritdoc/>
    public override string Name => "grpo";

    /// <inheritdoc/>
    public override double[] OfGroup(IReadOnlyList<double> rewards, IReadOnlyList<int> tokens, ObjectiveOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return GroupStatistics.Standardise(rewards, options.Ddof, options.Epsilon, options.Singleton);
    }
}
