namespace Axpo.Core;

/// <summary>A suite whose questions need chains of calls of a length that the run chooses (<see cref="TaskOptions.HorizonMin"/> to <see cref="TaskOptions.HorizonMax"/>).</summary>
public interface IHorizonSuite : ITaskSuite
{
    /// <summary>Shortest chain in calls, unless a run asks for others.</summary>
    int HorizonMin { get; }

    /// <summary>Longest chain in calls, unless a run asks for others.</summary>
    int HorizonMax { get; }

    /// <summary>The same suite with other chain lengths. Whatever lies within lengths that it accepts must be accepted too (<see cref="CurriculumOptions"/>).</summary>
    /// <param name="min">Shortest chain in calls.</param>
    /// <param name="max">Longest chain in calls.</param>
    /// <exception cref="ArgumentException">The lengths are out of range or in the wrong order.</exception>
    ITaskSuite WithHorizon(int min, int max);
}
