using System.Collections.Concurrent;
using System.Text;
using Microsoft.Extensions.Options;
using Polly;
using Polly.CircuitBreaker;
using Polly.RateLimiting;
using Polly.Retry;
using Polly.Timeout;

namespace Axpo.Grains.Tools;

/// <summary>One pipeline a tool on this silo: concurrency, retry of transient faults, breaker, deadline; outermost first.</summary>
internal sealed class ToolPipelines(IOptionsMonitor<ToolPipelineOptions> options, TimeProvider time)
{
    private readonly ConcurrentDictionary<string, Lazy<ResiliencePipeline>> _pipelines = new(StringComparer.Ordinal);

    /// <summary>
    /// Calls a tool through its pipeline, off the grain's scheduler: tools may block. Infrastructure that fails becomes a cause, never an exception.
    /// </summary>
    public async Task<ToolCallResult> ExecuteAsync(ITool tool, Func<CancellationToken, Task<ToolCallResult>> call, CancellationToken cancellationToken)
    {
        var pipeline = _pipelines.GetOrAdd(tool.Spec.Name, name => new Lazy<ResiliencePipeline>(() => Build(options.Get(name), tool.IsStateful))).Value;
        var most = options.Get(tool.Spec.Name).MaxResultBytes;
        try
        {
            return await Task.Run(() => pipeline.ExecuteAsync(async token => Fitting(await call(token), most), cancellationToken).AsTask(), CancellationToken.None);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return new ToolCallResult { Status = ToolCallStatus.Cancelled, Cause = VoidCause.Cancelled };
        }
        catch (BrokenCircuitException)
        {
            return Void(VoidCause.ToolBreakerOpen, $"the breaker of tool '{tool.Spec.Name}' is open after repeated failures");
        }
        catch (TimeoutRejectedException e)
        {
            return Void(VoidCause.ToolDeadline, $"tool '{tool.Spec.Name}' did not answer in {e.Timeout.TotalSeconds:0.###} s, the deadline of its pipeline");
        }
        catch (ToolUnavailableException e)
        {
            return Void(VoidCause.ToolUnavailable, $"tool '{tool.Spec.Name}': {e.Message}");
        }
        catch (Exception e)
        {
            return Void(VoidCause.ToolUnavailable, $"tool '{tool.Spec.Name}' crashed: {e.GetType().Name}: {e.Message}");
        }
    }

    /// <summary>A tool cuts its output itself and says so to the policy; one that floods has failed, and the policy must not pay for it with its token limit.</summary>
    private static ToolCallResult Fitting(ToolCallResult result, int most) => Bytes(result.Result) is var bytes && bytes > most
        ? throw new ToolUnavailableException(FormattableString.Invariant($"it answered {bytes} bytes, its pipeline takes {most}"), isTransient: false)
        : result;

    /// <summary>What a result adds to a message: its text, and where its images are.</summary>
    private static long Bytes(ToolResult? result) =>
        result is null ? 0 : Encoding.UTF8.GetByteCount(result.Text) + result.Images.Sum(i => (long)Encoding.UTF8.GetByteCount(i.Uri) + Encoding.UTF8.GetByteCount(i.Sha256));

    private static ToolCallResult Void(VoidCause cause, string detail) => new() { Status = ToolCallStatus.Unavailable, Cause = cause, Detail = detail };

    private ResiliencePipeline Build(ToolPipelineOptions o, bool isStateful)
    {
        var builder = new ResiliencePipelineBuilder { TimeProvider = time };
        builder.AddConcurrencyLimiter(o.Concurrency, int.MaxValue);
        if (o.Retries > 0)
        {
            builder.AddRetry(new RetryStrategyOptions
            {
                ShouldHandle = new PredicateBuilder().Handle<ToolUnavailableException>(e => e.IsTransient),
                MaxRetryAttempts = o.Retries,
                BackoffType = DelayBackoffType.Exponential,
                Delay = TimeSpan.FromSeconds(o.RetryDelaySeconds),
                UseJitter = false,
            });
        }

        builder.AddCircuitBreaker(new CircuitBreakerStrategyOptions
        {
            ShouldHandle = new PredicateBuilder().Handle<ToolUnavailableException>().Handle<TimeoutRejectedException>(),
            FailureRatio = o.BreakerFailureRatio,
            MinimumThroughput = o.BreakerMinimumCalls,
            SamplingDuration = TimeSpan.FromSeconds(o.BreakerWindowSeconds),
            BreakDuration = TimeSpan.FromSeconds(o.BreakSeconds),
        });
        var deadline = TimeSpan.FromSeconds(o.DeadlineSeconds);
        builder.AddTimeout(isStateful || deadline < Waiting.Longest ? deadline : Waiting.Longest);
        return builder.Build();
    }
}
