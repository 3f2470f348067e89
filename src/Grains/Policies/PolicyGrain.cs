using Axpo.Grains.Operations;
using Axpo.Grains.Placement;
using Microsoft.Extensions.Logging;

namespace Axpo.Grains.Policies;

/// <summary>The door to one engine. Keeps the newest generation of each session until the next one, so that a repeated Start or Wait finds it.</summary>
[SiloRole(SiloRoles.Engine, byName: true)]
internal sealed partial class PolicyGrain(IRunServices services, SiloDrain drain, TimeProvider time, ILogger<PolicyGrain> logger) : Grain, IPolicyGrain
{
    private readonly Dictionary<string, StoredOperation<GenerateResult>> _generations = new(StringComparer.Ordinal);

    // What a silo that stops waits for beside the generations themselves: that their callers have fetched them. A caller that comes too late would have another engine generate the same again.
    private readonly Dictionary<string, IDisposable> _unfetched = new(StringComparer.Ordinal);
    private Task<IPolicyEngine>? _engine;
    private (WeightsVersion Version, StoredOperation<PublishResult> Operation)? _publication;

    Task<Pending<GenerateResult>> IPolicyGrain.StartAsync(PolicyRequest request)
    {
        var session = request.Request.Session;
        if (_generations.TryGetValue(session, out var known))
        {
            if (known.Id == request.Operation && !known.MayStartAnew)
            {
                return Task.FromResult(Answer(session, known.Now));
            }

            known.Cancel();
        }

        if (drain.IsDraining)
        {
            // The caller tries until another engine, or this one elsewhere, is there.
            return Task.FromResult(Pending<GenerateResult>.Done(new GenerateResult { Status = GenerateStatus.Busy, Error = "the engine's silo stops" }));
        }

        Fetched(session);
        _unfetched[session] = drain.Enter();
        var operation = StoredOperation<GenerateResult>.Start(request.Operation, ct => GenerateAsync(request, ct));
        _generations[session] = operation;
        return Task.FromResult(Answer(session, operation.Now));
    }

    async Task<Pending<GenerateResult>> IPolicyGrain.WaitAsync(string session, string operation, TimeSpan atMost) =>
        _generations.TryGetValue(session, out var known) && known.Id == operation
            ? Answer(session, await known.WaitAsync(atMost, time))
            : Pending<GenerateResult>.Unknown;

    Task IPolicyGrain.CancelAsync(string session, string operation)
    {
        if (_generations.TryGetValue(session, out var known) && known.Id == operation)
        {
            known.Cancel();
            Fetched(session);
        }

        return Task.CompletedTask;
    }

    Task<Pending<PublishResult>> IPolicyGrain.PublishAsync(WeightsVersion version) => Task.FromResult(Publish(version).Now);

    Task<Pending<PublishResult>> IPolicyGrain.WaitPublishedAsync(WeightsVersion version, TimeSpan atMost) =>
        _publication is { } publication && !IsHigher(version, publication.Version)
            ? publication.Operation.WaitAsync(atMost, time)
            : Task.FromResult(Pending<PublishResult>.Unknown);

    async Task IPolicyGrain.ReleaseAsync(string sessionPrefix)
    {
        foreach (var session in _generations.Keys.Where(s => s == sessionPrefix || s.StartsWith(sessionPrefix + "/", StringComparison.Ordinal)).ToArray())
        {
            _generations.Remove(session, out var generation);
            generation!.Cancel();
            Fetched(session);
        }

        if (_engine is { } engine)
        {
            (await engine).Release(sessionPrefix);
        }
    }

    async Task IPolicyGrain.CloseAsync()
    {
        // What is under way ends first: the engine that is released next must not hold it any more.
        await Task.WhenAll(_generations.Values.Select(g => g.EndAsync(TimeSpan.FromSeconds(5), time)));
        FetchedAll();
        _generations.Clear();
        _engine = null;
        _publication = null;
        await services.ReleaseAsync(RunName());
        DeactivateOnIdle();
    }

    /// <inheritdoc/>
    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        FetchedAll();
        return Task.CompletedTask;
    }

    async Task<EngineStatus?> IPolicyGrain.StatusAsync() => _engine is { IsCompletedSuccessfully: true } engine ? (await engine).Status : null;

    private async Task<GenerateResult> GenerateAsync(PolicyRequest request, CancellationToken cancellationToken)
    {
        using var live = drain.Enter();
        LogBegins(logger, request.Operation);
        var deadline = time.GetUtcNow() + request.Limit;
        try
        {
            if (request.Weights is { } weights && !Holds(weights))
            {
                var published = Publish(weights);
                while (!published.HasEnded)
                {
                    await published.WaitAsync(Waiting.Longest, time);
                }

                if (published.Now is { State: OperationState.Failed, Error: var error })
                {
                    return new GenerateResult { Status = GenerateStatus.Fault, Error = $"the engine could not take weights of step {weights.Step} from '{weights.Folder}': {error}" };
                }
            }

            var engine = await Engine();
            var result = await engine.GenerateAsync(request.Request with { Deadline = deadline ?? request.Request.Deadline }, cancellationToken);
            LogEnds(logger, request.Operation, result.Status);
            return result;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            return new GenerateResult { Status = GenerateStatus.Fault, Error = $"{e.GetType().Name}: {e.Message}" };
        }
    }

    /// <summary>What a caller is told; with the end it has fetched the generation.</summary>
    private Pending<GenerateResult> Answer(string session, Pending<GenerateResult> answer)
    {
        if (answer.State != OperationState.Running)
        {
            Fetched(session);
        }

        return answer;
    }

    private void Fetched(string session)
    {
        if (_unfetched.Remove(session, out var waiting))
        {
            waiting.Dispose();
        }
    }

    private void FetchedAll()
    {
        foreach (var session in _unfetched.Keys.ToArray())
        {
            Fetched(session);
        }
    }

    private bool Holds(WeightsVersion version) => _publication is { } p && p.Operation.Now.State == OperationState.Done && !IsHigher(version, p.Version);

    private static bool IsHigher(WeightsVersion a, WeightsVersion b) => (a.Fence, a.Step).CompareTo((b.Fence, b.Step)) > 0;

    private StoredOperation<PublishResult> Publish(WeightsVersion version)
    {
        if (_publication is { } current && !IsHigher(version, current.Version) && current.Operation.Now.State is OperationState.Running or OperationState.Done)
        {
            return current.Operation;
        }

        var operation = StoredOperation<PublishResult>.Start(version.Sha256, async ct => new PublishResult(await (await Engine()).PublishAsync(version, ct)));
        _publication = (version, operation);
        return operation;
    }

    private Task<IPolicyEngine> Engine()
    {
        if (_engine is null or { IsFaulted: true } or { IsCanceled: true })
        {
            _engine = services.EngineAsync(RunName(), CancellationToken.None).AsTask();
        }

        return _engine;
    }

    private string RunName()
    {
        var key = this.GetPrimaryKeyString();
        return key[..key.IndexOf('/', StringComparison.Ordinal)];
    }

    [LoggerMessage(LogLevel.Debug, "generates {Operation}")]
    private static partial void LogBegins(ILogger logger, string operation);

    [LoggerMessage(LogLevel.Debug, "generated {Operation}: {Status}")]
    private static partial void LogEnds(ILogger logger, string operation, GenerateStatus status);
}
