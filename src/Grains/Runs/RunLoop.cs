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
    TimeProvider time,
    RunMeter meter,
    RefilledTokens refilled,
    bool resume,
    Func<bool> isLeaving)
{
    private bool _resume = resume;

    private RunState State => state.State;

    private RunConfiguration Configuration => State.Configuration!;

    private RunRequest Request => State.Request!;

    /// <summary>Runs to the end.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        // What the engines had done before is not this row's.
        await refilled.TakeAsync();
        await (Request.Kind switch
        {
            RunKind.Train => TrainAsync(cancellationToken),
            RunKind.Evaluate => EvaluateAsync(cancellationToken),
            RunKind.Rollout => RolloutAsync(cancellationToken),
            _ => throw new InvalidOperationException($"unknown kind of run {Request.Kind}"),
        });
    }

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
        while (!IsLast(State.Step))
        {
            await StepAsync(State.Step + 1, cancellationToken);
            await FinishRowAsync(cancellationToken);
        }
    }

    /// <summary>Whether training ends with a committed step.</summary>
    private bool IsLast(int step) => step >= Configuration.Steps || (Configuration.TokenBudget is > 0 and var budget && State.SampledTokens >= budget);

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
        var sampling = SamplingOptions.Of(Phase.Rollout, Configuration, Request.Sampling);
        var start = time.GetTimestamp();
        var groups = await PhaseAsync(Phase.Rollout, 0, Request.Questions, Request.Samples ?? Configuration.Rollouts.GroupSize, sampling, cancellationToken);
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
        var sampling = SamplingOptions.Of(Phase.Train, Configuration, null);
        var batch = await BatchAsync(step, sampling, cancellationToken);
        RolloutSummary[] original = [.. batch.Groups.Concat(batch.Replaced).SelectMany(g => g)];
        await PauseOnRuinsAsync(step, original, cancellationToken);
        var rolloutSeconds = time.GetElapsedTime(start).TotalSeconds;
        var (tokens, retries) = (meter.SampledTokens, meter.Retries);

        var resampleStart = time.GetTimestamp();
        var resampling = new Resampling(Configuration, works => WorkAsync(step, works, sampling, cancellationToken));
        var plan = resampling.Plan(batch.Groups);
        State.Plan = plan;
        FaultPoints.Reach(FaultPoints.BeforePlanStored);
        await EnterAsync(RunPhase.Resampling);
        FaultPoints.Reach(FaultPoints.AfterPlanStored);
        meter.Begin(0);
        (plan, var forks) = await resampling.RunAsync(plan, batch.Groups);
        State.Plan = plan;
        await PauseOnRuinsAsync(step, [.. original, .. forks.SelectMany(f => f)], cancellationToken);
        await DropAsync(original.Concat(forks.SelectMany(f => f)), cancellationToken);
        await ReleaseAsync(Phase.Train, step, batch.Questions);
        var resampleSeconds = time.GetElapsedTime(resampleStart).TotalSeconds;
        tokens += meter.SampledTokens;
        retries += meter.Retries;

        await EnterAsync(RunPhase.Updating);
        var updateStart = time.GetTimestamp();
        var all = batch.Groups.SelectMany(g => g).Concat(forks.SelectMany(f => f));
        var trained = await UpdateAsync(step, batch, plan, [.. all.Where(r => r.Outcome == Outcome.Void).Select(r => r.Id)], cancellationToken);

        State.Step = step;
        State.Weights = trained.Weights;
        State.Plan = null;
        State.Ledger = [];
        State.FirstAttempt = 1;
        var measures = StepMeasures.Rollouts(batch.Groups, plan, forks, batch.Replaced);
        State.SampledTokens += measures.SampledTokens;
        State.Pending = new MetricsRow
        {
            Step = step,
            Train = measures,
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
        FaultPoints.Reach(FaultPoints.BeforeRunCommit);
        await state.WriteStateAsync(CancellationToken.None);
        FaultPoints.Reach(FaultPoints.AfterRunCommit);
        FaultPoints.Reach(FaultPoints.BeforeTurnsForgotten);
        await journal.ForgetAsync(run, step, CancellationToken.None);
        FaultPoints.Reach(FaultPoints.AfterTurnsForgotten);
        await store.CloseAsync(run, step - 1);
        if (Configuration.Learner.KeepCheckpoints is > 0 and var keep && step > keep)
        {
            FaultPoints.Reach(FaultPoints.BeforeCheckpointsRetired);
            await services.RetireCheckpointsAsync(run, step - keep);
            FaultPoints.Reach(FaultPoints.AfterCheckpointsRetired);
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

        var (isEnd, every) = (row.Step == 0 || IsLast(row.Step), Configuration.Evaluation.Every);
        if (isEnd || (every > 0 && row.Step % every == 0))
        {
            var questions = isEnd ? Configuration.Evaluation.FinalQuestions : Configuration.Evaluation.Questions;
            await EnterAsync(RunPhase.Evaluating);
            var start = time.GetTimestamp();
            row = row with
            {
                Eval = await EvaluateAsync(Phase.Eval, row.Step, questions, null, cancellationToken),
                EvalT1 = await EvaluateAsync(Phase.EvalT1, row.Step, questions, null, cancellationToken),
            };
            row = row with { Timing = (row.Timing ?? new TimingMetrics()) with { Evaluation = time.GetElapsedTime(start).TotalSeconds } };
            State.Pending = row;
        }

        await WriteRowAsync(cancellationToken);
    }

    private async Task WriteRowAsync(CancellationToken cancellationToken)
    {
        var row = State.Pending!;
        row = row with { Timing = (row.Timing ?? new TimingMetrics()) with { RefilledTokens = await refilled.TakeAsync() } };
        FaultPoints.Reach(FaultPoints.BeforeMetricsWritten);
        await log.WriteAsync(run, row, cancellationToken);
        FaultPoints.Reach(FaultPoints.AfterMetricsWritten);
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

        var sampling = SamplingOptions.Of(phase, Configuration, null);
        var groups = await PhaseAsync(phase, step, questions, samples ?? Configuration.Evaluation.Samples, sampling, cancellationToken);
        var asked = await services.QuestionsAsync(run, phase, step, cancellationToken);
        return StepMeasures.Evaluation([.. asked.Take(groups.Count)], groups);
    }

    /// <summary>The rollouts of a phase that trains nothing: one list a question.</summary>
    private async Task<IReadOnlyList<IReadOnlyList<RolloutSummary>>> PhaseAsync(
        Phase phase, int step, int? atMost, int samples, SamplingOptions sampling, CancellationToken cancellationToken)
    {
        var questions = await services.QuestionsAsync(run, phase, step, cancellationToken);
        int[] asked = [.. Enumerable.Range(0, Math.Min(questions.Count, atMost ?? int.MaxValue))];
        meter.Begin(asked.Length * samples);
        return await GroupsAsync(phase, step, asked, samples, sampling, isReleased: true, cancellationToken);
    }

    /// <summary>The groups of a training step; those without spread are replaced where the configuration says so.</summary>
    private async Task<TrainingBatch> BatchAsync(int step, SamplingOptions sampling, CancellationToken cancellationToken)
    {
        var rollouts = Configuration.Rollouts;
        var available = (await services.QuestionsAsync(run, Phase.Train, step, cancellationToken)).Count;
        int[] questions = [.. Enumerable.Range(0, Math.Min(available, rollouts.Questions))];
        var branching = await Branching.OfAsync(Configuration, () => services.ChatAsync(run, cancellationToken));
        meter.Begin(0);
        var batch = new TrainingBatch(questions, await RollOutAsync(questions), []);
        for (var round = 0; round < rollouts.DynamicSampling; round++)
        {
            if (!await batch.ReplaceAsync(available, RollOutAsync, replaced => ReleaseAsync(Phase.Train, step, replaced)))
            {
                break;
            }
        }

        return batch;

        Task<IReadOnlyList<RolloutSummary>[]> RollOutAsync(int[] some)
        {
            meter.Expect(some.Length * rollouts.GroupSize);
            return GroupsAsync(Phase.Train, step, some, rollouts.GroupSize, sampling, isReleased: false, cancellationToken, branching);
        }
    }

    /// <summary>The rollouts of some questions, in their order.</summary>
    private async Task<IReadOnlyList<RolloutSummary>[]> GroupsAsync(
        Phase phase, int step, int[] questions, int samples, SamplingOptions sampling, bool isReleased, CancellationToken cancellationToken, Branching? branching = null)
    {
        if (questions.Length == 0)
        {
            throw new InvalidOperationException($"run '{run}': there are no questions for phase {EpisodeId.Name(phase)}, step {step}");
        }

        var results = await FanOut.RunAsync(
            questions,
            Math.Max(1, Configuration.Rollouts.MaxLive / samples),
            async (question, ct) =>
            {
                var result = branching is null
                    ? await GroupAsync(phase, step, GroupWork.Rollouts(question, samples), sampling, ct)
                    : await branching.RollOutAsync(question, work => GroupAsync(phase, step, work, sampling, ct));
                if (isReleased)
                {
                    await ReleaseAsync(phase, step, [question]);
                }

                return result;
            },
            cancellationToken);
        if (phase != Phase.Train)
        {
            await DropAsync(results.SelectMany(r => r), cancellationToken);
        }

        return results;
    }

    /// <summary>Continuations of a training step.</summary>
    private async Task<IReadOnlyList<RolloutSummary>> WorkAsync(int step, IReadOnlyList<GroupWork> works, SamplingOptions sampling, CancellationToken cancellationToken)
    {
        meter.Expect(works.Sum(w => w.Episodes));
        var results = await FanOut.RunAsync(
            works,
            Math.Max(1, Configuration.Rollouts.MaxLive / works.Max(w => w.Episodes)),
            (work, ct) => GroupAsync(Phase.Train, step, work, sampling, ct),
            cancellationToken);
        return [.. results.SelectMany(r => r)];
    }

    private async Task<IReadOnlyList<RolloutSummary>> GroupAsync(
        Phase phase, int step, GroupWork work, SamplingOptions sampling, CancellationToken cancellationToken)
    {
        var key = EpisodeId.GroupId(run, phase, step, work.Question);
        var group = grains.GetGrain<IGroupGrain>(key);
        var body = new GroupRequest
        {
            Samples = work.Samples,
            First = work.First,
            Forks = work.Forks,
            Wave = work.Wave,
            Sampling = sampling,
            Weights = State.Weights,
            MaxLive = Configuration.Rollouts.MaxLive,
            Resume = _resume,
            FirstAttempt = phase == Phase.Train ? State.FirstAttempt : 1,
        };
        var result = await calls.RunAsync(
            again => group.StartAsync(again ? body with { Resume = true } : body),
            atMost => group.WaitAsync(body.Operation, atMost),
            () => isLeaving() ? Task.CompletedTask : group.CancelAsync(),
            cancellationToken);
        FaultPoints.Reach(FaultPoints.AfterGroupResult);
        meter.Add(result.Rollouts);
        return result.Rollouts;
    }

    private async Task<TrainResult> UpdateAsync(
        int step, TrainingBatch batch, ResamplePlan plan, EpisodeId[] left, CancellationToken cancellationToken)
    {
        var trainer = grains.GetGrain<ITrainerGrain>(run);
        var body = new TrainRequest
        {
            Batch = string.Create(CultureInfo.InvariantCulture, $"{run}/{EpisodeId.Name(Phase.Train)}/{step}"),
            Step = step,
            Questions = batch.Questions,
            GroupSize = Configuration.Rollouts.GroupSize,
            Plan = plan,
            Void = left,
            Branches = batch.Branches,
        };
        return await calls.RunAsync(_ => trainer.StartAsync(body), atMost => trainer.WaitAsync(body.Batch, atMost), () => isLeaving() ? Task.CompletedTask : trainer.CancelAsync(), cancellationToken);
    }

    /// <summary>Stops before an update where too many episodes stayed Void; what is stored of them counts no more, so that the resumed run tries them again.</summary>
    /// <exception cref="RunPausedException">Too many did.</exception>
    private async Task PauseOnRuinsAsync(int step, RolloutSummary[] episodes, CancellationToken cancellationToken)
    {
        RolloutSummary[] ruins = [.. episodes.Where(r => r.Outcome == Outcome.Void)];
        if (ruins.Length <= Configuration.Rollouts.MaxVoidShare * episodes.Length)
        {
            return;
        }

        foreach (var r in ruins)
        {
            await log.DropAsync(run, new DropRecord(r.Id, r.Cause, r.Detail ?? "", r.Attempts, IsLast: false), cancellationToken);
        }

        State.FirstAttempt = ruins.Max(r => r.Attempts) + 1;
        var worst = ruins.GroupBy(r => r.Cause).OrderByDescending(g => g.Count()).ThenBy(g => g.Key).First();
        throw new RunPausedException(string.Create(
            CultureInfo.InvariantCulture,
            $"{ruins.Length} of {episodes.Length} episodes of step {step} stayed Void ({ruins.Length / (double)episodes.Length:P0}; rollouts.maxVoidShare is {Configuration.Rollouts.MaxVoidShare:P0}), most often {worst.Key}: {worst.First().Detail ?? "no detail"}"));
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

    private Task ReleaseAsync(Phase phase, int step, int[] questions) => Task.WhenAll(questions.Select(async question =>
    {
        var key = EpisodeId.GroupId(run, phase, step, question);
        try
        {
            await grains.GetGrain<IGroupGrain>(key).ReleaseAsync();
        }
        catch (Exception e) when (LostCalls.IsLost(e))
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
