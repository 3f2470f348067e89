using System.ComponentModel.DataAnnotations;

namespace Axpo.Grains;

/// <summary>
/// The resilience pipeline of one tool on one silo; section <c>Tools:{name}</c>, named options by the tool's name. Only infrastructure is retried: what the policy did
/// wrong is a result, not an exception.
/// </summary>
public sealed class ToolPipelineOptions
{
    /// <summary>Seconds until a call is given up as Void; strictly longer than the tool's own limit (python: 12 s), which is the policy's fault.</summary>
    /// <value>30 (cut to 15 for stateless tools)</value>
    [Range(0.001, 3600)]
    public double DeadlineSeconds { get; set; } = 30;

    /// <summary>Further tries after a transient fault.</summary>
    /// <value>2</value>
    [Range(0, 100)]
    public int Retries { get; set; } = 2;

    /// <summary>Seconds before the first further try; it doubles with every one.</summary>
    /// <value>0.2</value>
    [Range(0.0, 600)]
    public double RetryDelaySeconds { get; set; } = .2;

    /// <summary>Calls that may run at once on the silo; more wait.</summary>
    /// <value>64</value>
    [Range(1, 100_000)]
    public int Concurrency { get; set; } = 64;

    /// <summary>Most bytes of a result (UTF-8): more is an outage. Grain messages stay below 64 KB.</summary>
    /// <value>60,000</value>
    [Range(256, 60_000)]
    public int MaxResultBytes { get; set; } = 60_000;

    /// <summary>Share of failed calls that opens the breaker.</summary>
    /// <value>0.5</value>
    [Range(0.01, 1.0)]
    public double BreakerFailureRatio { get; set; } = .5;

    /// <summary>Fewest calls in the window before the breaker may open.</summary>
    /// <value>10</value>
    [Range(2, 100_000)]
    public int BreakerMinimumCalls { get; set; } = 10;

    /// <summary>Window of the breaker, seconds.</summary>
    /// <value>30</value>
    [Range(0.5, 3600)]
    public double BreakerWindowSeconds { get; set; } = 30;

    /// <summary>Seconds that an open breaker stays open.</summary>
    /// <value>15</value>
    [Range(0.5, 3600)]
    public double BreakSeconds { get; set; } = 15;
}
