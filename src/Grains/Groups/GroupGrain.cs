using System.Globalization;
using Axpo.Grains.Operations;
using Axpo.Grains.Placement;
using Microsoft.Extensions.Options;

namespace Axpo.Grains.Groups;

/// <summary>The rollouts of one question, branches of some of them among these; then continuations of some, or fresh rollouts beside them.</summary>
[SiloRole(SiloRoles.Episodes)]
internal sealed class GroupGrain(IRunServices services, IEngineDirectory engines, IOptions<GrainsOptions> options, TimeProvider time) : Grain, IGroupGrain
{
    private readonly Dictionary<string, StoredOperation<GroupResult>> _operations = new(StringComparer.Ordinal);
    private readonly Dictionary<string, GroupRequest> _asked = new(StringComparer.Ordinal);
    private GroupStatus _status = new("", 0, 0);
    private bool _leaving;

    Task<Pending<GroupResult>> IGroupGrain.StartAsync(GroupRequest request)
    {
        var id = request.Operation;
        if (!_operations.TryGetValue(id, out var operation) || operation.MayStartAnew || IsToBeTriedAgain(operation.Now.Result, request) || !_asked[id].AsksForTheSame(request))
        {
            // What was Void and is tried again may have changed what the next wave consists of.
            _asked[id] = request;
            var again = request.Resume || operation is not null;
            operation = _operations[id] = StoredOperation<GroupResult>.Start(id, ct => RunAsync(request with { Resume = again }, ct));
        }

        return Task.FromResult(operation.Now);
    }

    Task<Pending<GroupResult>> IGroupGrain.WaitAsync(string operation, TimeSpan atMost) =>
        _operations.TryGetValue(operation, out var known) ? known.WaitAsync(atMost, time) : Task.FromResult(Pending<GroupResult>.Unknown);

    Task<GroupStatus> IGroupGrain.StatusAsync() => Task.FromResult(_status);

    Task IGroupGrain.CancelAsync()
    {
        foreach (var operation in _operations.Values)
        {
            operation.Cancel();
        }

        return Task.CompletedTask;
    }

    Task IGroupGrain.ReleaseAsync()
    {
        // Engines come and go: a group may have sessions on any of them.
        var key = this.GetPrimaryKeyString();
        DeactivateOnIdle();
        return Task.WhenAll(engines.Live.Select(engine => GrainFactory.GetGrain<IPolicyGrain>($"{Key().Run}/{engine}").ReleaseAsync(key)));
    }

    /// <inheritdoc/>
    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        // Its episodes go on: the next activation finds them.
        _leaving = true;
        return ((IGroupGrain)this).CancelAsync();
    }

    private static bool IsToBeTriedAgain(GroupResult? known, GroupRequest request) =>
        known is not null && known.Rollouts.Any(r => r.Outcome == Outcome.Void && r.Attempts < request.FirstAttempt);

    private async Task<GroupResult> RunAsync(GroupRequest request, CancellationToken cancellationToken)
    {
        var (run, phase, step, index) = Key();
        var questions = await services.QuestionsAsync(run, phase, step, cancellationToken);
        if (index >= questions.Count)
        {
            throw new InvalidOperationException($"group {this.GetPrimaryKeyString()}: the phase has {questions.Count} questions");
        }

        EpisodeId[] ids = request.Forks.Length > 0
            ? [.. request.Forks.SelectMany(f => f.Episodes)]
            : [.. Enumerable.Range(request.First, request.Samples).Select(r => new EpisodeId(run, phase, step, index, r))];
        _status = new GroupStatus(request.Operation, 0, ids.Length);
        var body = new EpisodeRequest
        {
            Question = questions[index],
            Sampling = request.Sampling,
            Weights = request.Weights,
            Resume = request.Resume,
            FirstAttempt = request.FirstAttempt,
        };
        var calls = new LongCall(time, options.Value);
        var results = await FanOut.RunAsync(ids, request.MaxLive, (id, ct) => EpisodeAsync(calls, id, body, ct), cancellationToken);
        FaultPoints.Reach(FaultPoints.BeforeGroupResult);
        return new GroupResult(results);
    }

    private async Task<RolloutSummary> EpisodeAsync(LongCall calls, EpisodeId id, EpisodeRequest body, CancellationToken cancellationToken)
    {
        var episode = GrainFactory.GetGrain<IEpisodeGrain>(id.ToString());
        // One that stays out of reach may be done and stored all the same: the group fails, its run waits and asks again.
        var summary = await calls.RunAsync(
            again => episode.StartAsync(again ? body with { Resume = true } : body),
            episode.WaitAsync,
            () => _leaving ? Task.CompletedTask : episode.CancelAsync(),
            cancellationToken);
        _status = _status with { Finished = _status.Finished + 1 };
        return summary;
    }

    private (string Run, Phase Phase, int Step, int Question) Key()
    {
        var parts = this.GetPrimaryKeyString().Split('/');
        return (parts[0], EpisodeId.ParsePhase(parts[1]), int.Parse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture), int.Parse(parts[3], NumberStyles.None, CultureInfo.InvariantCulture));
    }
}
