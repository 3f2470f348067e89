namespace Axpo.Core;

/// <summary>
/// A = (r - mean of the group's others) / (std + eps): the baseline of <see cref="RlooAdvantage"/> under the deviation of <see cref="GrpoAdvantage"/>, which is GRPO times
/// n / (n - 1): it differs from GRPO where groups have different sizes, as they do when rollouts are Void (ours). The deviation is the whole group's: that of the others
/// alone is 0 around a single success, whose advantage would be 1 / eps.
/// </summary>
public sealed class LeaveOneOutAdvantage : GroupAdvantage
{
    /// <inheritdoc/>
    public override string Name => "leave-one-out";

    /// <inheritdoc/>
    public override double[] OfGroup(IReadOnlyList<double> rewards, IReadOnlyList<int> tokens, ObjectiveOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return GroupStatistics.Scale(RlooAdvantage.Against(rewards, options.Singleton), GroupStatistics.Deviation(rewards, options.Ddof) + options.Epsilon);
    }
}
