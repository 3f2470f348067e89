namespace Axpo.Core;

/// <summary>A = (r - mean) / (std + eps) over the group (GRPO, arXiv:2402.03300 4.1.2); a group without spread gives exactly 0.</summary>
public sealed class GrpoAdvantage : GroupAdvantage
{
    /// <inheritdoc/>
    public override string Name => "grpo";

    /// <inheritdoc/>
    public override double[] OfGroup(IReadOnlyList<double> rewards, IReadOnlyList<int> tokens, ObjectiveOptions options) =>
        GroupStatistics.Standardise(rewards, options.Ddof, options.Epsilon);
}
