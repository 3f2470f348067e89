using Axpo.Grains.Operations;
using Axpo.Grains.Placement;
using Microsoft.Extensions.Options;
using Orleans.Storage;

namespace Axpo.Grains.Trainers;

/// <summary>
/// Turns finished episodes into weights. A batch is consumed once: update, checkpoint folder, one ETag-guarded write, publication, in that order; whatever is repeated
/// after a crash finds either the committed result or the weights of the committed step.
/// </summary>
[SiloRole(SiloRoles.Trainer)]
internal sealed class TrainerGrain(
    [PersistentState("trainer", GrainsOptions.Storage)] IPersistentState<TrainerState> state,
    IRunServices services,
    ITrajectoryStore store,
    IEngineDirectory engines,
    IOptions<GrainsOptions> options,
    TimeProvider time) : Grain, ITrainerGrain
{
    private StoredOperation<TrainResult>? _operation;
    private bool _holdsFence;

    private string Run => this.GetPrimaryKeyString();

    Task<Pending<TrainResult>> ITrainerGrain.StartAsync(TrainRequest request)
    {
        if (_operation is { } known && known.Id == request.Batch && known.Now.State is OperationState.Running or OperationState.Done)
        {
            return Task.FromResult(known.Now);
        }

        if (_operation is { HasEnded: false } busy)
        {
            return Task.FromResult(Pending<TrainResult>.Failed($"the trainer of run '{Run}' is busy with batch '{busy.Id}'; '{request.Batch}' must wait for its end"));
        }

        _operation = StoredOperation<TrainResult>.Start(request.Batch, ct => GuardAsync(request, ct));
        return Task.FromResult(_operation.Now);
    }

    Task<Pending<TrainResult>> ITrainerGrain.WaitAsync(string batch, TimeSpan atMost) =>
        _operation is { } operation && operation.Id == batch ? operation.WaitAsync(atMost, time) : Task.FromResult(Pending<TrainResult>.Unknown);

    Task ITrainerGrain.CancelAsync()
    {
        _operation?.Cancel();
        return Task.CompletedTask;
    }

    async Task ITrainerGrain.CloseAsync()
    {
        if (_operation is { } operation)
        {
            await operation.EndAsync(TimeSpan.FromSeconds(10), time);
        }

        await services.ReleaseAsync(Run);
        DeactivateOnIdle();
    }

    Task<TrainerStatus> ITrainerGrain.StatusAsync() =>
        Task.FromResult(new TrainerStatus(state.State.Fence, state.State.Step, state.State.Weights, state.State.Batch, state.State.Consumed.Count));

    /// <inheritdoc/>
    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken) => ((ITrainerGrain)this).CancelAsync();

    private async Task<TrainResult> GuardAsync(TrainRequest request, CancellationToken cancellationToken)
    {
        try
        {
            return await TrainAsync(request, cancellationToken);
        }
        catch (InconsistentStateException)
        {
            // Another activation has taken the run over, or a write of this one was lost on its way back: whoever asks again finds the committed state, under a new fence.
            _holdsFence = false;
            _operation?.Cancel();
            DeactivateOnIdle();
            throw new OperationCanceledException(cancellationToken);
        }
        catch
        {
            // The learner may hold an uncommitted step, the folder of this fence may exist: the next try takes a new fence and reloads.
            _holdsFence = false;
            throw;
        }
    }

    private async Task<TrainResult> TrainAsync(TrainRequest request, CancellationToken cancellationToken)
    {
        var committed = state.State;
        if (committed.Batch == request.Batch)
        {
            await PublishAsync(committed.Weights!, cancellationToken);
            return new TrainResult { Update = committed.Update!, Weights = committed.Weights! };
        }

        if (request.Step != committed.Step + 1 || committed.Consumed.Contains(request.Batch, StringComparer.Ordinal))
        {
            throw new InvalidOperationException($"batch '{request.Batch}' would make step {request.Step}, but step {committed.Step} of run '{Run}' is committed");
        }

        var learner = await TakeOverAsync(cancellationToken);
        var configuration = await services.ConfigurationAsync(Run, cancellationToken);
        FaultPoints.Reach(FaultPoints.BeforeBatchRead);
        var batch = await BatchAssembly.BuildAsync(Run, request, configuration, store, cancellationToken);
        FaultPoints.Reach(FaultPoints.AfterBatchRead);
        var update = await learner.UpdateAsync(batch, cancellationToken);
        var fence = state.State.Fence;
        var folder = services.CheckpointFolder(Run, request.Step, fence);
        var saved = await learner.SaveAsync(folder, cancellationToken);
        var weights = new WeightsVersion(fence, request.Step, folder, saved.Sha256);
        FaultPoints.Reach(FaultPoints.BeforeTrainerCommit);
        await CommitAsync(s =>
        {
            (s.Step, s.Weights, s.Batch, s.Update) = (request.Step, weights, request.Batch, update);
            s.Consumed.Add(request.Batch);
        });
        FaultPoints.Reach(FaultPoints.AfterTrainerCommit);
        await PublishAsync(weights, cancellationToken);
        return new TrainResult { Update = update, Weights = weights };
    }

    /// <summary>A new fence, and the learner at the committed step.</summary>
    private async Task<ILearner> TakeOverAsync(CancellationToken cancellationToken)
    {
        var learner = await services.LearnerAsync(Run, cancellationToken);
        if (_holdsFence && learner.Step == state.State.Step)
        {
            return learner;
        }

        await CommitAsync(s => s.Fence++);
        if (state.State.Weights is { } weights)
        {
            await learner.LoadAsync(weights.Folder, cancellationToken);
        }
        else if (learner.Step != 0)
        {
            await learner.LoadAsync((await services.ConfigurationAsync(Run, cancellationToken)).Model, cancellationToken);
        }

        _holdsFence = true;
        return learner;
    }

    /// <summary>One ETag-guarded write. Memory holds what is committed, never what failed to be: a stale activation must not publish it.</summary>
    private async Task CommitAsync(Action<TrainerState> change)
    {
        var committed = state.State;
        var next = committed.Copy();
        change(next);
        state.State = next;
        try
        {
            await state.WriteStateAsync(CancellationToken.None);
        }
        catch
        {
            state.State = committed;
            await state.ReadStateAsync(CancellationToken.None);
            throw;
        }
    }

    /// <summary>Tells every live engine. One that dies meanwhile, or comes later, takes the version with the first generation that names it.</summary>
    private async Task PublishAsync(WeightsVersion weights, CancellationToken cancellationToken)
    {
        FaultPoints.Reach(FaultPoints.BeforePublish);
        var calls = new LongCall(time, options.Value);
        foreach (var engine in engines.Live)
        {
            var policy = GrainFactory.GetGrain<IPolicyGrain>($"{Run}/{engine}");
            try
            {
                await calls.RunAsync(_ => policy.PublishAsync(weights), atMost => policy.WaitPublishedAsync(weights, atMost), () => Task.CompletedTask, cancellationToken);
            }
            catch (OperationLostException e)
            {
                _ = e;
            }
        }

        FaultPoints.Reach(FaultPoints.AfterPublish);
    }
}
