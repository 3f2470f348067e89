using System.ComponentModel.DataAnnotations;

namespace Axpo.Grains;

/// <summary>How the grains behave; section <c>Grains</c>.</summary>
public sealed class GrainsOptions
{
    /// <summary>Name of the grain storage that keeps Run and Trainer.</summary>
    public const string Storage = "axpo";

    /// <summary>Engines of a run; a group goes to one of them by rendezvous hash.</summary>
    /// <value>one, named <c>0</c></value>
    [Required, MinLength(1)]
    public string[] Engines { get; set; } = ["0"];

    /// <summary>Calls to a grain that may be lost in a row (its silo died) before the operation counts as lost.</summary>
    /// <value>8</value>
    [Range(1, 1000)]
    public int LostCalls { get; set; } = 8;

    /// <summary>Pause after a lost call.</summary>
    /// <value>0.5 s</value>
    public TimeSpan LostCallDelay { get; set; } = TimeSpan.FromSeconds(.5);

    /// <summary>Pause before the second attempt at a void episode; it doubles with every further one.</summary>
    /// <value>0.5 s</value>
    public TimeSpan AttemptDelay { get; set; } = TimeSpan.FromSeconds(.5);

    /// <summary>Pause after the engine said that its queue is full.</summary>
    /// <value>0.1 s</value>
    public TimeSpan BusyDelay { get; set; } = TimeSpan.FromSeconds(.1);

    /// <summary>Period of the reminder by which a run lives again after its silo died; at least one minute.</summary>
    /// <value>1 min</value>
    public TimeSpan ReminderPeriod { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>Longest that a run waits in one place for storage or other grains that are out of reach, trying again and again, before it ends as failed; it can be resumed then.</summary>
    /// <value>10 min</value>
    public TimeSpan OutagePatience { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>Longest pause between two such tries; the first is <see cref="LostCallDelay"/>, each next one twice as long.</summary>
    /// <value>10 s</value>
    public TimeSpan OutageDelay { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Idle time after which episodes, groups and tools leave memory; their results are stored.</summary>
    /// <value>3 min</value>
    public TimeSpan CollectionAge { get; set; } = TimeSpan.FromMinutes(3);

    /// <summary>Longest that a silo that stops waits for the turns under way.</summary>
    /// <value>30 s</value>
    [Range(0, 3600)]
    public int DrainSeconds { get; set; } = 30;
}
