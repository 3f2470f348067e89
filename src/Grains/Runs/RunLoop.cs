using System.Globalization;
using Axpo.Grains.Operations;

namespace Axpo.Grains.Runs;

/// <summary>
/// What a run does, from its committed step on. Every part may be repeated after a crash: groups find stored rollouts, the plan is a pure function of them, a batch
/// is consumed once, a row replaces itself.
/// </summary>
internal sealed class RunLoop(
    string run,
    IPersistentState<RunState> state,
    IRunServices services,
    ITurnJournal journal,
    ITrajectoryStore store,
    IRunLog log,
    IGrainFactory grains,
    LongCall calls,
    GrainsOptions options,
    TimeProvider time,
    RunMeter meter,
    bool resume)
{
    private bool _resume = resume;

    private RunState State => state.State;

    private RunConfiguration Configuration => State.Configuration!;

    private RunRequest Request => State.Request!;

    /// <summary>Runs to the end.</summary>
    public Task RunAsync(CancellationToken cancellationToken) => Request.Kind switch
    {
        RunKind.Train => TrainAsync(cancellationToken),
        RunKind.Evaluate => EvaluateAsync(cancellationToken),
        RunKind.Rollout => RolloutAsync(cancellationToken),
        _ => throw new InvalidOperationException($"unknown kind of run {Request.Kind}"),
    };

    private async Task TrainAsync(CancellationToken cancellationToken)
    {
        if (State.Newest is { } written)
        {
            // The log is derived from this state: whatever a killed process left behind it is put right.
            await log.WriteAsync(run, written, cancellationToken);
        }
        else
        {
            State.Pending ??= new MetricsRow { Step = 0 };
        }

        await FinishRowAsync(cancellationToken);
        while (State.Step < Configuration.Steps)
        {
            await StepAsync(State.Step + 1, cancellationToken);
            await FinishRowAsync(cancellationToken);
        }
    }

    private async Task EvaluateAsync(CancellationToken cancellationToken)
    {
        var row = new MetricsRow { Step = 0 };
        var start = time.GetTimestamp();
        foreach (var phase in Request.Phases)
        {
            var figures = await EvaluateAsync(phase, 0, Request.Questions, Request.Samples, cancellationToken);
            row = phase == Phase.EvalT1 ? row with { EvalT1 = figures } : row with { Eval = figures };
        }

        State.Pending = row with { Timing = new TimingMetrics { Evaluation = time.GetElapsedTime(start).TotalSeconds } };
        await WriteRowAsync(cancellationToken);
    }

    private async Task RolloutAsync(CancellationToken cancellationToken)
    {
        await EnterAsync(RunPhase.RollingOut);
        var sampling = Request.Sampling ?? SamplingOptions.Training(Configuration.Rollouts.Temperature);
        var start = time.GetTimestamp();
        var groups = await GroupsAsync(Phase.Rollout, 0, Request.Questions, Request.Samples ?? Configuration.Rollouts.GroupSize, sampling, cancellationToken);
        var elapsed = time.GetElapsedTime(start).TotalSeconds;
        State.Pending = new MetricsRow
        {
            Step = 0,
            Train = StepMeasures.Rollouts(groups, ResamplePlan.None(groups.Count), []),
            Timing = new TimingMetrics { Rollout = elapsed, TokensPerSecond = meter.TokensPerSecond, Retries = meter.Retries },
        };
        await WriteRowAsync(cancellationToken);
    }

    /// <summary>One training step, as design.md tells it.</summary>
    private async Task StepAsync(int step, CancellationToken cancellationToken)
    {
        var start = time.GetTimestamp();
        await EnterAsync(RunPhase.RollingOut);
        var rollouts = Configuration.Rollouts;
        var sampling = SamplingOptions.Training(rollouts.Temperature);
        var groups = await GroupsAsync(Phase.Train, step, null, rollouts.GroupSize, sampling, cancellationToken, release: false);
        var rolloutSeconds = time.GetElapsedTime(start).TotalSeconds;
        var (tokens, retries) = (meter.SampledTokens, meter.Retries);

        var resampleStart = time.GetTimestamp();
        var plan = ResamplePlanner.Plan(groups, rollouts.GroupSize, Configuration.Resample, RankKeys.Of(Configuration.Seed));
        State.Plan = plan;
        await EnterAsync(RunPhase.Resampling);
        var forks = await ForksAsync(step, plan, sampling, cancellationToken);
        await ReleaseAsync(Phase.Train, step, groups.Count);
        var resampleSeconds = time.GetElapsedTime(resampleStart).TotalSeconds;
        tokens += meter.SampledTokens;
        retries += meter.Retries;

        await EnterAsync(RunPhase.Updating);
        var updateStart = time.GetTimestamp();
        var all = groups.SelectMany(g => g).Concat(forks.SelectMany(f => f));
        var trained = await UpdateAsync(step, groups, plan, [.. all.Where(r => r.Stored is null).Select(r => r.Id)], cancellationToken);

        State.Step = step;
        State.Weights = trained.Weights;
        State.Plan = null;
        State.Ledger = [];
        State.Pending = new MetricsRow
        {
            Step = step,
            Train = StepMeasures.Rollouts(groups, plan, forks),
            Update = trained.Update,
            Timing = new TimingMetrics
            {
                Rollout = rolloutSeconds,
                Resample = resampleSeconds,
                Update = time.GetElapsedTime(updateStart).TotalSeconds,
                Step = time.GetElapsedTime(start).TotalSeconds,
                TokensPerSecond = rolloutSeconds + resampleSeconds > 0 ? tokens / (rolloutSeconds + resampleSeconds) : 0,
                Retries = retries,
            },
        };
        await state.WriteStateAsync(CancellationToken.None);
        await journal.ForgetAsync(run, step, CancellationToken.None);
        await store.CloseAsync(run, step - 1);
        if (Configuration.Learner.KeepCheckpoints is > 0 and var keep && step > keep)
        {
            await services.RetireCheckpointsAsync(run, step - keep);
        }

        _resume = false;
    }

    /// <summary>Evaluates if the committed step is due, then writes its row.</summary>
    private async Task FinishRowAsync(CancellationToken cancellationToken)
    {
        if (State.Pending is not { } row)
        {
            return;
        }

        var every = Configuration.Evaluation.Every;
        if (row.Step == 0 || row.Step == Configuration.Steps || (every > 0 && row.Step % every == 0))
        {
            await EnterAsync(RunPhase.Evaluating);
            var start = time.GetTimestamp();
            row = row with
            {
                Eval = await EvaluateAsync(Phase.Eval, row.Step, null, null, cancellationToken),
                EvalT1 = await EvaluateAsync(Phase.EvalT1, row.Step, null, null, cancellationToken),
            };
            row = row with { Timing = (row.Timing ?? new TimingMetrics()) with { Evaluation = time.GetElapsedTime(start).TotalSeconds } };
            State.Pending = row;
        }

        await WriteRowAsync(cancellationToken);
    }

    private async Task WriteRowAsync(CancellationToken cancellationToken)
    {
        var row = State.Pending!;
        await log.WriteAsync(run, row, cancellationToken);
        State.Pending = null;
        State.Newest = row;
        State.NewestEvaluation = row.Eval is null && row.EvalT1 is null ? State.NewestEvaluation : row;
        await state.WriteStateAsync(CancellationToken.None);
    }

    private async Task<EvaluationMetrics> EvaluateAsync(Phase phase, int step, int? questions, int? samples, CancellationToken cancellationToken)
    {
        if (State.Phase != RunPhase.Evaluating)
        {
            await EnterAsync(RunPhase.Evaluating);
        }

        var sampling = phase == Phase.EvalT1 ? SamplingOptions.Training() : SamplingOptions.PaperEvaluation;
        var groups = await GroupsAsync(phase, step, questions, samples ?? Configuration.Evaluation.Samples, sampling, cancellationToken);
        var asked = await services.QuestionsAsync(run, phase, step, cancellationToken);
        return StepMeasures.Evaluation([.. asked.Take(groups.Count)], groups);
    }

    /// <summary>The original rollouts of a phase: one list a question.</summary>
    private async Task<IReadOnlyList<IReadOnlyList<RolloutSummary>>> GroupsAsync(
        Phase phase, int step, int? atMost, int samples, SamplingOptions sampling, CancellationToken cancellationToken, bool release = true)
    {
        var questions = await services.QuestionsAsync(run, phase, step, cancellationToken);
        var count = Math.Min(questions.Count, atMost ?? int.MaxValue);
        if (count == 0)
        {
            throw new InvalidOperationException($"run '{run}': there are no questions for phase {EpisodeId.Name(phase)}, step {step}");
        }

        meter.Begin(count * samples);
        var results = await FanOut.RunAsync(
            [.. Enumerable.Range(0, count)],
            Math.Max(1, Configuration.Rollouts.MaxLive / samples),
            async (question, ct) =>
            {
                var result = await GroupAsync(phase, step, question, [], samples, sampling, ct);
                if (release)
                {
                    await ReleaseAsync(phase, step, question, 1);
                }

                return result;
            },
            cancellationToken);
        await DropAsync(results.SelectMany(r => r), cancellationToken);
        return results;
    }

    /// <summary>The continuations of a plan: one list a selection, in its order.</summary>
    private async Task<IReadOnlyList<IReadOnlyList<RolloutSummary>>> ForksAsync(int step, ResamplePlan plan, SamplingOptions sampling, CancellationToken cancellationToken)
    {
        var k = Configuration.Resample.K;
        var byQuestion = plan.Selections.GroupBy(s => s.Source.Question).OrderBy(g => g.Key)
            .Select(g => (Question: g.Key, Forks: g.Select(s => new ForkRequest(s.Source, s.Boundary, k)).ToArray())).ToArray();
        meter.Begin(plan.Selections.Length * k);
        var results = await FanOut.RunAsync(
            byQuestion,
            Math.Max(1, Configuration.Rollouts.MaxLive / k),
            (item, ct) => GroupAsync(Phase.Train, step, item.Question, item.Forks, 0, sampling, ct),
            cancellationToken);
        await DropAsync(results.SelectMany(r => r), cancellationToken);
        var byId = results.SelectMany(r => r).ToDictionary(r => r.Id);
        return [.. plan.Selections.Select(s => (IReadOnlyList<RolloutSummary>)[.. Enumerable.Range(0, k).Select(i => byId[s.Source.Fork(s.Boundary, i)])])];
    }

    private async Task<IReadOnlyList<RolloutSummary>> GroupAsync(
        Phase phase, int step, int question, ForkRequest[] forks, int samples, SamplingOptions sampling, CancellationToken cancellationToken)
    {
        var key = EpisodeId.GroupId(run, phase, step, question);
        var group = grains.GetGrain<IGroupGrain>(key);
        var body = new GroupRequest
        {
            Samples = samples,
            Forks = forks,
            Sampling = sampling,
            Engine = Rendezvous.Pick(options.Engines, key),
            Weights = State.Weights,
            MaxLive = Configuration.Rollouts.MaxLive,
            Resume = _resume,
        };
        var result = await calls.RunAsync(
            again => group.StartAsync(again ? body with { Resume = true } : body),
            atMost => group.WaitAsync(body.Operation, atMost),
            group.CancelAsync,
            cancellationToken);
        meter.Add(result.Rollouts);
        return result.Rollouts;
    }

    private async Task<TrainResult> UpdateAsync(
        int step, IReadOnlyList<IReadOnlyList<RolloutSummary>> groups, ResamplePlan plan, EpisodeId[] missing, CancellationToken cancellationToken)
    {
        var trainer = grains.GetGrain<ITrainerGrain>(run);
        var body = new TrainRequest
        {
            Batch = string.Create(CultureInfo.InvariantCulture, $"{run}/{EpisodeId.Name(Phase.Train)}/{step}"),
            Step = step,
            Questions = groups.Count,
            GroupSize = Configuration.Rollouts.GroupSize,
            K = Configuration.Resample.K,
            Plan = plan,
            Missing = missing,
            Engines = options.Engines,
        };
        return await calls.RunAsync(_ => trainer.StartAsync(body), atMost => trainer.WaitAsync(body.Batch, atMost), trainer.CancelAsync, cancellationToken);
    }

    private async Task DropAsync(IEnumerable<RolloutSummary> rollouts, CancellationToken cancellationToken)
    {
        foreach (var r in rollouts.Where(r => r.Outcome == Outcome.Void))
        {
            var record = new DropRecord(r.Id, r.Cause, r.Detail ?? "", r.Attempts);
            if (State.Ledger.Any(d => d.Episode == record.Episode))
            {
                continue;
            }

            await log.DropAsync(run, record, cancellationToken);
            State.Ledger.Add(record);
            State.Dropped++;
        }
    }

    private Task ReleaseAsync(Phase phase, int step, int count) => ReleaseAsync(phase, step, 0, count);

    private Task ReleaseAsync(Phase phase, int step, int first, int count) => Task.WhenAll(Enumerable.Range(first, count).Select(async question =>
    {
        var key = EpisodeId.GroupId(run, phase, step, question);
        try
        {
            await grains.GetGrain<IGroupGrain>(key).ReleaseAsync(Rendezvous.Pick(options.Engines, key));
        }
        catch (Exception e) when (e is Orleans.Runtime.OrleansException or TimeoutException)
        {
            // The engine that held the sessions has died with them.
            _ = e;
        }
    }));

    private Task EnterAsync(RunPhase phase)
    {
        State.Phase = phase;
        return state.WriteStateAsync(CancellationToken.None);
    }
}
