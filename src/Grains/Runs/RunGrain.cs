using Axpo.Grains.Operations;
using Axpo.Grains.Placement;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Storage;

namespace Axpo.Grains.Runs;

/// <summary>A run: its life (start, resume, cancel, reminder). The work is <see cref="RunLoop"/>.</summary>
[SiloRole(SiloRoles.Episodes)]
internal sealed partial class RunGrain(
    [PersistentState("run", GrainsOptions.Storage)] IPersistentState<RunState> state,
    IRunServices services,
    ITurnJournal journal,
    ITrajectoryStore store,
    IRunLog log,
    IEngineDirectory engines,
    IOptions<GrainsOptions> options,
    TimeProvider time,
    ILogger<RunGrain> logger) : Grain, IRunGrain, IRemindable
{
    private const string Reminder = "alive";
    private RunMeter _meter = new(time);
    private StoredOperation<RunState>? _operation;
    private string? _cancelled;
    private bool _leaving;

    private string Run => this.GetPrimaryKeyString();

    private bool HasEnded => state.State.Phase is RunPhase.Done or RunPhase.Failed or RunPhase.Cancelled or RunPhase.Paused;

    async Task<RunStatus> IRunGrain.StartAsync(RunRequest request)
    {
        if (state.State.Request is null)
        {
            state.State.Configuration = await services.ConfigurationAsync(Run, CancellationToken.None);
            state.State.Request = request;
            await StoreAsync(isChanged: true);
            Begin(resume: false);
        }
        else if (!HasEnded && _operation is null or { HasEnded: true })
        {
            // It was started by an activation that has died since, maybe before its reminder.
            await StoreAsync(isChanged: false);
            Begin(resume: true);
        }

        return Status();
    }

    async Task<RunStatus> IRunGrain.ResumeAsync()
    {
        if (state.State.Request is null || state.State.Phase == RunPhase.Done || _operation is { HasEnded: false })
        {
            return Status();
        }

        var hadEnded = HasEnded;
        if (hadEnded)
        {
            state.State.Phase = RunPhase.Created;
            state.State.Message = null;
        }

        await StoreAsync(isChanged: hadEnded);
        Begin(resume: true);
        return Status();
    }

    async Task<RunStatus> IRunGrain.WaitAsync(TimeSpan atMost)
    {
        if (_operation is { } operation)
        {
            await operation.WaitAsync(atMost, time);
        }
        else if (!HasEnded && Waiting.Clamp(atMost) is { Ticks: > 0 } pause)
        {
            // Not under way in this activation: until the reminder or ResumeAsync revives it there is nothing to wait for.
            await Task.Delay(pause, time);
        }

        return Status();
    }

    Task<RunStatus> IRunGrain.StatusAsync() => Task.FromResult(Status());

    async Task IRunGrain.CancelAsync(string reason)
    {
        _cancelled ??= reason;
        if (_operation is { } operation)
        {
            operation.Cancel();
        }
        else if (state.State.Request is not null && !HasEnded)
        {
            // Nothing of it lives: only its state says otherwise.
            await EndAsync(RunPhase.Cancelled, reason);
        }
    }

    async Task IRemindable.ReceiveReminder(string reminderName, TickStatus status)
    {
        if (state.State.Request is null || HasEnded)
        {
            await ForgetReminderAsync();
        }
        else if (_operation is null or { HasEnded: true })
        {
            Begin(resume: true);
        }
    }

    /// <inheritdoc/>
    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        // The silo stops: the run goes on elsewhere, so its state must not say that it was cancelled.
        _leaving = true;
        if (_operation is { HasEnded: false } operation)
        {
            await operation.EndAsync(TimeSpan.FromSeconds(5), time);
        }
    }

    /// <summary>State and reminder, for a caller that may be another process: it must not have to know what this silo's storage throws.</summary>
    /// <exception cref="OrleansException">Storage is out of reach; the same call may succeed later.</exception>
    private async Task StoreAsync(bool isChanged)
    {
        try
        {
            if (isChanged)
            {
                await state.WriteStateAsync(CancellationToken.None);
            }

            await this.RegisterOrUpdateReminder(Reminder, options.Value.ReminderPeriod, options.Value.ReminderPeriod);
        }
        catch (Exception e) when (e is not OrleansException)
        {
            throw new OrleansException($"the state of run '{Run}' could not be stored: {e.Message}", e);
        }
    }

    private void Begin(bool resume)
    {
        _cancelled = null;
        _meter = new RunMeter(time);
        _operation = StoredOperation<RunState>.Start(Run, ct => LiveAsync(resume, ct));
    }

    private async Task<RunState> LiveAsync(bool resume, CancellationToken cancellationToken)
    {
        // The call that started it returns first.
        await Task.Yield();
        try
        {
            await ThroughOutagesAsync(resume, cancellationToken);
        }
        catch (InconsistentStateException)
        {
            // Another activation lives: this one is stale.
            DeactivateOnIdle();
            throw;
        }
        catch (Exception) when (_leaving)
        {
            return state.State;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            await EndAsync(RunPhase.Cancelled, _cancelled ?? "cancelled");
        }
        catch (RunPausedException e)
        {
            await EndAsync(RunPhase.Paused, e.Message);
        }
        catch (Exception e)
        {
            LogFailed(logger, e, Run);
            await EndAsync(RunPhase.Failed, e.Message);
        }

        return state.State;
    }

    /// <summary>
    /// The work; when storage or other grains are out of reach it waits and goes on from what is stored, until <see cref="GrainsOptions.OutagePatience"/> has passed without a step of progress.
    /// </summary>
    private async Task ThroughOutagesAsync(bool resume, CancellationToken cancellationToken)
    {
        var (since, delay, at) = (time.GetTimestamp(), options.Value.LostCallDelay, (Step: -1, Phase: RunPhase.Created));
        for (var isBehind = false; ;)
        {
            try
            {
                if (isBehind)
                {
                    // What memory holds must be what is stored.
                    await state.ReadStateAsync(CancellationToken.None);
                    (isBehind, _meter) = (false, new RunMeter(time));
                }

                var loop = new RunLoop(Run, state, services, journal, store, log, GrainFactory, new LongCall(time, options.Value), time, _meter, new RefilledTokens(Run, engines, GrainFactory), resume, () => _leaving);
                await QuietlyAsync(() => log.EndedAsync(Run, null, CancellationToken.None).AsTask());
                await loop.RunAsync(cancellationToken);
                await EndAsync(RunPhase.Done, null);
                return;
            }
            catch (Exception e) when (Transience.IsTransient(e) && !_leaving && !cancellationToken.IsCancellationRequested)
            {
                if (at != (state.State.Step, state.State.Phase))
                {
                    (since, delay, at) = (time.GetTimestamp(), options.Value.LostCallDelay, (state.State.Step, state.State.Phase));
                }

                if (time.GetElapsedTime(since) >= options.Value.OutagePatience)
                {
                    throw;
                }

                LogWaits(logger, e, Run, delay.TotalSeconds);
                await Task.Delay(delay, time, cancellationToken);
                delay = delay * 2 < options.Value.OutageDelay ? delay * 2 : options.Value.OutageDelay;
                (resume, isBehind) = (true, true);
            }
        }
    }

    private async Task EndAsync(RunPhase phase, string? message)
    {
        foreach (var engine in engines.Live)
        {
            await QuietlyAsync(GrainFactory.GetGrain<IPolicyGrain>($"{Run}/{engine}").CloseAsync);
        }

        if (state.State.Request!.Kind == RunKind.Train)
        {
            await QuietlyAsync(GrainFactory.GetGrain<ITrainerGrain>(Run).CloseAsync);
        }

        state.State.Phase = phase;
        state.State.Message = message;
        await state.WriteStateAsync(CancellationToken.None);
        await QuietlyAsync(() => log.EndedAsync(Run, new RunEnd(phase, message), CancellationToken.None).AsTask());
        await QuietlyAsync(ForgetReminderAsync);
        LogEnded(logger, Run, phase, state.State.Step);
    }

    private async Task QuietlyAsync(Func<Task> action)
    {
        try
        {
            await action();
        }
        catch (Exception e)
        {
            LogLeftover(logger, e, Run);
        }
    }

    private async Task ForgetReminderAsync()
    {
        if (await this.GetReminder(Reminder) is { } reminder)
        {
            await this.UnregisterReminder(reminder);
        }
    }

    private RunStatus Status()
    {
        var s = state.State;
        var steps = s.Request?.Kind == RunKind.Train ? s.Configuration?.Steps ?? 0 : 0;
        return new RunStatus
        {
            Run = Run,
            Kind = s.Request?.Kind ?? RunKind.Train,
            Phase = s.Phase,
            Step = s.Step,
            Steps = steps,
            Episodes = _meter.Episodes,
            EpisodesPlanned = _meter.Planned,
            Correct = _meter.Correct,
            ToolUsing = _meter.ToolUsing,
            Void = _meter.Void,
            Dropped = s.Dropped,
            SampledTokens = _meter.SampledTokens,
            EpisodesPerSecond = _meter.EpisodesPerSecond,
            TokensPerSecond = _meter.TokensPerSecond,
            Seconds = _meter.Seconds,
            SecondsLeft = _meter.Left(s.Step, steps),
            Newest = Slim(s.Newest),
            NewestEvaluation = Slim(s.NewestEvaluation),
            Message = s.Message,
            Weights = s.Weights,
        };
    }

    private static MetricsRow? Slim(MetricsRow? row) => row is null ? null : row with
    {
        Eval = row.Eval is null ? null : row.Eval with { PerQuestion = [], Results = [] },
        EvalT1 = row.EvalT1 is null ? null : row.EvalT1 with { PerQuestion = [], Results = [] },
    };

    [LoggerMessage(LogLevel.Warning, "run {Run} waits {Seconds} s: storage or other grains are out of reach")]
    private static partial void LogWaits(ILogger logger, Exception exception, string run, double seconds);

    [LoggerMessage(LogLevel.Error, "run {Run} failed")]
    private static partial void LogFailed(ILogger logger, Exception exception, string run);

    [LoggerMessage(LogLevel.Information, "run {Run} ended: {Phase} at step {Step}")]
    private static partial void LogEnded(ILogger logger, string run, RunPhase phase, int step);

    [LoggerMessage(LogLevel.Warning, "run {Run}: something was left behind at its end")]
    private static partial void LogLeftover(ILogger logger, Exception exception, string run);
}
