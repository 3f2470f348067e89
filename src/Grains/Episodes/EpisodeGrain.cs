using Axpo.Grains.Operations;
using Axpo.Grains.Placement;
using Microsoft.Extensions.Options;

namespace Axpo.Grains.Episodes;

/// <summary>One episode: the retries of its attempts. The attempt itself is <see cref="EpisodeAttempt"/>.</summary>
[SiloRole(SiloRoles.Episodes)]
internal sealed class EpisodeGrain(
    IRunServices services,
    ITrajectoryStore store,
    ITurnJournal journal,
    IRunLog log,
    IEngineDirectory engines,
    SiloDrain drain,
    IOptions<GrainsOptions> options,
    TimeProvider time) : Grain, IEpisodeGrain
{
    private readonly EpisodeProgress _progress = new();
    private StoredOperation<RolloutSummary>? _operation;
    private bool _leaving;

    Task<Pending<RolloutSummary>> IEpisodeGrain.StartAsync(EpisodeRequest request)
    {
        if (_leaving || drain.IsDraining)
        {
            if (_operation is { MayStartAnew: false } known)
            {
                return Task.FromResult(known.Now);
            }

            // Asked again in a moment, it lives elsewhere.
            DeactivateOnIdle();
            return Task.FromResult(Pending<RolloutSummary>.Unknown);
        }

        if (_operation is null or { MayStartAnew: true } or { IsEnding: true } || (_operation.Now.Result is { } ended && (ended.Cause == VoidCause.Cancelled || IsToBeTriedAgain(ended, request))))
        {
            var (before, again) = (_operation, request.Resume || _operation is not null);
            _operation = StoredOperation<RolloutSummary>.Start(this.GetPrimaryKeyString(), ct => AfterAsync(before, request with { Resume = again }, ct));
        }

        return Task.FromResult(_operation.Now);
    }

    async Task<Pending<RolloutSummary>> IEpisodeGrain.WaitAsync(TimeSpan atMost)
    {
        if (_operation is not { } operation)
        {
            return Pending<RolloutSummary>.Unknown;
        }

        var answer = await operation.WaitAsync(atMost, time);
        if (answer.State == OperationState.Done)
        {
            // Its outcome is stored: whoever asks again finds it there, and memory does not grow with finished episodes.
            DeactivateOnIdle();
        }

        return answer;
    }

    Task<EpisodeStatus> IEpisodeGrain.StatusAsync() => Task.FromResult(new EpisodeStatus
    {
        State = _operation?.Now.State ?? OperationState.Unknown,
        Attempt = _progress.Attempt,
        Turns = _progress.Turns,
        Tokens = _progress.Tokens,
        Tool = _progress.Tool,
    });

    Task IEpisodeGrain.CancelAsync()
    {
        _operation?.Cancel();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        // Nothing of it may go on beside the next activation, which goes on from the journal.
        _leaving = true;
        _operation?.Cancel();
        return Task.CompletedTask;
    }

    /// <summary>
    /// Runs once an earlier operation that was cancelled has ended: two must not live side by side, and its end is not this one's. It unwinds in calls that time out, so the wait is bounded.
    /// </summary>
    private async Task<RolloutSummary> AfterAsync(StoredOperation<RolloutSummary>? before, EpisodeRequest request, CancellationToken cancellationToken)
    {
        if (before is not null)
        {
            while (!before.HasEnded)
            {
                await before.WaitAsync(Waiting.Longest, time);
            }

            before.Dispose();
        }

        return await RunAsync(request, cancellationToken);
    }

    private async Task<RolloutSummary> RunAsync(EpisodeRequest request, CancellationToken cancellationToken)
    {
        using var live = drain.Enter();
        var id = EpisodeId.Parse(this.GetPrimaryKeyString());
        var stored = request.Resume ? await StoredAsync(id, cancellationToken) : null;
        if (stored is not null && !IsToBeTriedAgain(stored, request))
        {
            return Summary(await store.PutAsync(stored, cancellationToken));
        }

        var configuration = await services.ConfigurationAsync(id.Run, cancellationToken);
        var chat = await services.ChatAsync(id.Run, cancellationToken);
        IReadOnlyList<TurnRecord> turns = request.Resume ? await journal.ReadAsync(id, cancellationToken) : [];
        var calls = new LongCall(time, options.Value);
        var first = (stored?.Attempts ?? 0) + 1;
        turns = turns.Count > 0 && turns[0].Attempt >= first ? turns : [];
        var attempt = turns.Count > 0 ? turns[0].Attempt : first;
        for (var delay = options.Value.AttemptDelay; ; delay *= 2)
        {
            _progress.Begin(attempt);
            var run = new EpisodeAttempt(id, attempt, request, configuration, chat, services, store, journal, engines, GrainFactory, calls, options.Value, time, drain, _progress);
            var rollout = await run.RunAsync(turns, cancellationToken);
            if (rollout.Cause == VoidCause.Cancelled)
            {
                return Cancelled(rollout, cancellationToken);
            }

            if (rollout.Outcome != Outcome.Void || attempt >= first + configuration.Rollouts.Attempts - 1)
            {
                return await PutAsync(rollout, cancellationToken);
            }

            await DropAsync(new DropRecord(id, rollout.Cause, rollout.Detail ?? "", attempt, IsLast: false));
            attempt++;
            turns = [];
            try
            {
                await Task.Delay(delay, time, cancellationToken);
            }
            catch (OperationCanceledException)
            {
                return Cancelled(rollout with { Cause = VoidCause.Cancelled, Detail = "cancelled between attempts" }, cancellationToken);
            }
        }
    }

    private static bool IsToBeTriedAgain(Rollout stored, EpisodeRequest request) => stored.Outcome == Outcome.Void && stored.Attempts < request.FirstAttempt;

    private static bool IsToBeTriedAgain(RolloutSummary known, EpisodeRequest request) => known.Outcome == Outcome.Void && known.Attempts < request.FirstAttempt;

    /// <summary>The end of an episode that was stopped. One that only leaves its silo has no end here: whoever waits for it starts it anew, elsewhere.</summary>
    private RolloutSummary Cancelled(Rollout rollout, CancellationToken cancellationToken)
    {
        if (_leaving || drain.IsDraining)
        {
            _operation?.Cancel();
            throw new OperationCanceledException(cancellationToken);
        }

        return RolloutSummaries.Of(rollout, null);
    }

    /// <summary>A row for an attempt that another one follows; without it the next must not begin.</summary>
    private async Task DropAsync(DropRecord record)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                await log.DropAsync(record.Episode.Run, record, CancellationToken.None);
                return;
            }
            catch (Exception) when (tries < 3)
            {
                await Task.Delay(options.Value.AttemptDelay, time, CancellationToken.None);
            }
        }
    }

    /// <summary>Stores a rollout that is final.</summary>
    /// <exception cref="IOException">Storage is out of reach.</exception>
    private async Task<RolloutSummary> PutAsync(Rollout rollout, CancellationToken cancellationToken)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                FaultPoints.Reach(FaultPoints.BeforeRolloutStored);
                var stored = await store.PutAsync(rollout, cancellationToken);
                FaultPoints.Reach(FaultPoints.AfterRolloutStored);
                return Summary(stored);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return Cancelled(rollout with { Outcome = Outcome.Void, End = EndReason.Void, Cause = VoidCause.Cancelled, Detail = "cancelled before it was stored" }, cancellationToken);
            }
            catch (Exception e)
            {
                if (tries == 3)
                {
                    // It has an outcome, which only cannot be stored: the run waits, and has the episode end again from its journal.
                    throw new IOException($"rollout {rollout.Id} could not be stored: {e.Message}", e);
                }
            }

            await Task.Delay(options.Value.AttemptDelay, time, CancellationToken.None);
        }
    }

    private static RolloutSummary Summary(StoredRollout stored) => RolloutSummaries.Of(stored.Rollout, stored.Ref);

    private async Task<Rollout?> StoredAsync(EpisodeId id, CancellationToken cancellationToken)
    {
        try
        {
            return (await store.GetAsync([id], cancellationToken))[0];
        }
        catch (KeyNotFoundException)
        {
            return null;
        }
    }
}
