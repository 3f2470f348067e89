using System.Globalization;
using Axpo.Grains.Operations;
using Axpo.Grains.Placement;

namespace Axpo.Grains.Episodes;

/// <summary>
/// One attempt at an episode: turn by turn, each finished turn stored before the next begins. Ends in one of the three outcomes of method.md; infrastructure that
/// fails makes it Void with its cause, whatever it was (a failing tool makes it Wrong where <see cref="FaultOptions.Outcome"/> asks for that).
/// </summary>
internal sealed class EpisodeAttempt(
    EpisodeId id,
    int attempt,
    EpisodeRequest request,
    RunConfiguration configuration,
    IChatFormat chat,
    IRunServices services,
    ITrajectoryStore store,
    ITurnJournal journal,
    IEngineDirectory engines,
    IGrainFactory grains,
    LongCall calls,
    GrainsOptions options,
    TimeProvider time,
    SiloDrain drain,
    EpisodeProgress progress)
{
    private readonly string _session = id.ToString();
    private readonly Dictionary<string, IToolGrain> _tools = new(StringComparer.Ordinal);
    private readonly ChanceKey _chance = id.Chance(configuration.Seed);
    private EpisodeTape? _tape;
    private DateTimeOffset _deadline;
    private int _held;
    private string? _forkOf;
    private string? _engine;

    private Question Question => request.Question;

    private bool IsTraining => id.Phase == Phase.Train;

    private bool IsBlamed => IsTraining && configuration.Faults.Outcome == FaultOutcome.Wrong;

    /// <summary>Runs the attempt; goes on after the turns of its journal. Never throws for infrastructure: the rollout is then Void, or what <see cref="FaultOptions.Outcome"/> says.</summary>
    public async Task<Rollout> RunAsync(IReadOnlyList<TurnRecord> turns, CancellationToken cancellationToken)
    {
        var limit = TimeSpan.FromSeconds(configuration.Rollouts.DeadlineSeconds);
        _deadline = time.GetUtcNow() + limit;
        using var timer = new CancellationTokenSource(limit, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, cancellationToken);
        try
        {
            return await PlayAsync(turns, both.Token);
        }
        catch (VoidException e) when (IsBlamed && _tape is { Calls.Count: > 0 } && e.Cause is VoidCause.ToolUnavailable or VoidCause.ToolBreakerOpen or VoidCause.ToolDeadline)
        {
            return Ended(Outcome.Wrong, EndReason.ToolFailed, VoidCause.None, e.Message);
        }
        catch (VoidException e)
        {
            return Void(e.Cause, e.Message);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return Void(VoidCause.Cancelled, "the run was cancelled");
        }
        catch (OperationCanceledException) when (timer.IsCancellationRequested)
        {
            return Void(VoidCause.EpisodeDeadline, string.Create(CultureInfo.InvariantCulture, $"not finished within rollouts.deadlineSeconds = {configuration.Rollouts.DeadlineSeconds}"));
        }
        catch (OperationLostException e)
        {
            return Void(VoidCause.SiloLost, e.Message);
        }
        finally
        {
            await CloseToolsAsync();
        }
    }

    private async Task<Rollout> PlayAsync(IReadOnlyList<TurnRecord> turns, CancellationToken cancellationToken)
    {
        var offered = Offered();
        var tape = _tape = await BeginAsync(offered, cancellationToken);
        var turnLimit = configuration.Rollouts.TurnLimit(Question, id.Phase);
        for (var next = 0; ; next++)
        {
            LeaveIfDraining();
            StopReason stop;
            ParsedTurn parsed;
            ToolResult? recorded = null;
            var isRecorded = next < turns.Count;
            if (isRecorded)
            {
                var turn = turns[next];
                tape.AppendSampled(turn.Tokens, turn.LogProbs, turn.Entropies, turn.Versions);
                (stop, parsed, recorded) = (turn.Stop, tape.ParseTurn(), turn.Result);
            }
            else
            {
                (stop, parsed) = await GenerateTurnAsync(tape, cancellationToken);
            }

            var record = isRecorded ? null : Record(tape, stop);
            tape.CloseTurn(parsed);
            progress.Report(tape.Turns, tape.Count);
            var isCall = stop == StopReason.StopToken && parsed.Call is { Closed: true };
            if (!isCall || tape.Turns >= turnLimit)
            {
                await StoreAsync(record, cancellationToken);
                return isCall ? tape.ToRollout(id, Question, Outcome.Wrong, EndReason.TurnLimit, null, attempt)
                    : stop != StopReason.StopToken ? tape.ToRollout(id, Question, Outcome.Wrong, EndReason.TokenLimit, null, attempt)
                    : await VerifyAsync(tape, parsed, cancellationToken);
            }

            // Stored before the call and after it: a turn without a result is a call that may have been made.
            await StoreAsync(record, cancellationToken);
            var result = recorded;
            if (result is null)
            {
                LeaveIfDraining();
                result = await CallAsync(tape, parsed, offered, cancellationToken);
                await StoreResultAsync(tape.Turns - 1, result, cancellationToken);
            }

            Show(tape, result);
        }
    }

    /// <summary>Appends an observation. An image that the policy cannot be shown is a fault of whoever let it through: a tool tells the policy of its own mistakes.</summary>
    private static void Show(EpisodeTape tape, ToolResult result)
    {
        try
        {
            tape.Observe(result);
        }
        catch (Exception e) when (e is InvalidDataException or NotSupportedException)
        {
            throw new VoidException(VoidCause.ToolUnavailable, $"tool '{tape.Calls[^1].Name}' answered with an image that this policy cannot be shown: {e.Message}", e);
        }
    }

    /// <summary>What is stored stays; the next activation goes on from there.</summary>
    private void LeaveIfDraining()
    {
        if (drain.IsDraining)
        {
            throw new VoidException(VoidCause.Cancelled, "its silo stops");
        }
    }

    private List<ToolSpec> Offered()
    {
        var specs = new List<ToolSpec>();
        foreach (var name in Question.Tools ?? [])
        {
            specs.Add((services.Tool(name) ?? throw new VoidException(VoidCause.ToolUnavailable, $"question {Question.Id} offers tool '{name}', which is not registered on this silo")).Spec);
        }

        return specs;
    }

    private async Task<EpisodeTape> BeginAsync(List<ToolSpec> offered, CancellationToken cancellationToken)
    {
        if (id.Parent is not { } parent)
        {
            var images = await ImagesAsync(cancellationToken);
            try
            {
                return EpisodeTape.FromPrompt(chat, chat.EncodePrompt(Question, offered, images));
            }
            catch (Exception e) when (images.Count > 0 && e is InvalidDataException or NotSupportedException)
            {
                throw new VoidException(VoidCause.StorageFault, $"the images of question {Question.Id} cannot be shown to this policy: {e.Message}", e);
            }
        }

        Rollout source;
        try
        {
            source = (await store.GetAsync([parent], cancellationToken))[0];
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            throw new VoidException(VoidCause.StorageFault, $"the source {parent} could not be read: {e.Message}", e);
        }

        var tape = EpisodeTape.FromPrefix(chat, source, id.Path.Branches[^1]);
        _held = tape.Count;
        _forkOf = parent.ToString();
        return tape;
    }

    private async Task<IReadOnlyList<ImageRef>> ImagesAsync(CancellationToken cancellationToken)
    {
        if (Question.Images.Length == 0)
        {
            return [];
        }

        try
        {
            return await services.ImagesAsync(id.Run, Question, cancellationToken);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            throw new VoidException(VoidCause.StorageFault, $"the images of question {Question.Id} could not be read: {e.Message}", e);
        }
    }

    /// <summary>One turn. Sampling goes on after a stop token that ended nothing: an orphan closing tag is text.</summary>
    private async Task<(StopReason Stop, ParsedTurn Parsed)> GenerateTurnAsync(EpisodeTape tape, CancellationToken cancellationToken)
    {
        for (var part = 0; ; part++)
        {
            var room = Math.Min(configuration.Rollouts.MaxTurnTokens - tape.TurnTokens, configuration.Rollouts.MaxTokens - tape.Count);
            if (room <= 0)
            {
                return (StopReason.MaxTokens, tape.ParseTurn());
            }

            var result = await GenerateAsync(tape, part, room, cancellationToken);
            tape.AppendSampled(result.Tokens, result.LogProbs, result.Entropies, result.Versions);
            _held = tape.Count;
            var parsed = tape.ParseTurn();
            var isOver = result.Stop != StopReason.StopToken
                || result.Tokens.Length == 0
                || parsed.Call is { Closed: true }
                || parsed.Segments is [.., { Kind: SegmentKind.EndOfTurn }];
            if (isOver)
            {
                return (result.Stop, parsed);
            }
        }
    }

    private async Task<GenerateResult> GenerateAsync(EpisodeTape tape, int part, int room, CancellationToken cancellationToken)
    {
        var missing = 0;
        for (var resend = 0; ; resend++)
        {
            var engine = await EngineAsync(cancellationToken);
            var policy = grains.GetGrain<IPolicyGrain>($"{id.Run}/{engine}");
            var operation = string.Create(CultureInfo.InvariantCulture, $"{_session}#{attempt}.{tape.Turns}.{part}.{resend}");
            var generate = new PolicyRequest(operation, Request(tape, room), request.Weights, _deadline - time.GetUtcNow());
            GenerateResult result;
            try
            {
                result = await calls.RunAsync(
                    _ => policy.StartAsync(generate),
                    atMost => policy.WaitAsync(_session, operation, atMost),
                    () => policy.CancelAsync(_session, operation),
                    cancellationToken);
            }
            catch (OperationFailedException e)
            {
                throw new VoidException(VoidCause.EngineFault, e.Message, e);
            }
            catch (OperationLostException) when (Rendezvous.TryPick(engines.Live, id.GroupKey) != engine)
            {
                // The engine died: another one, or the same one once it lives again, computes the tokens so far anew.
                continue;
            }

            switch (result.Status)
            {
                case GenerateStatus.Done:
                    return result;
                case GenerateStatus.SessionMissing when missing++ < 3:
                    (_held, _forkOf) = (0, null);
                    break;
                case GenerateStatus.Busy:
                    LeaveIfDraining();
                    await Task.Delay(options.BusyDelay, time, cancellationToken);
                    break;
                case GenerateStatus.Cancelled:
                    cancellationToken.ThrowIfCancellationRequested();
                    throw new VoidException(time.GetUtcNow() >= _deadline ? VoidCause.EpisodeDeadline : VoidCause.EngineFault, result.Error ?? "the engine gave the sequence up");
                default:
                    throw new VoidException(VoidCause.EngineFault, result.Error ?? $"the engine answered {result.Status}");
            }
        }
    }

    /// <summary>The engine of the group: the same for all its episodes while the live engines stay the same. Where none lives, one is waited for until the episode's deadline.</summary>
    private async Task<string> EngineAsync(CancellationToken cancellationToken)
    {
        string? engine;
        while ((engine = Rendezvous.TryPick(engines.Live, id.GroupKey)) is null)
        {
            await Task.Delay(options.LostCallDelay, time, cancellationToken);
        }

        if (_engine is not null && _engine != engine)
        {
            (_held, _forkOf) = (0, null);
        }

        return _engine = engine;
    }

    private GenerateRequest Request(EpisodeTape tape, int room) => new()
    {
        Session = _session,
        Offset = _held,
        Tokens = tape.From(_held),
        Images = tape.ImagesFrom(_held),
        Group = id.GroupKey,
        ForkOf = _forkOf is not null && _held == tape.Inherited ? _forkOf : null,
        Sampling = request.Sampling,
        Chance = _chance,
        MaxNewTokens = room,
        StopTokens = chat.StopTokens,
        StopSequences = chat.StopSequences,
    };

    private async Task<ToolResult> CallAsync(EpisodeTape tape, ParsedTurn parsed, List<ToolSpec> offered, CancellationToken cancellationToken)
    {
        var call = tape.Calls[^1];
        if (parsed.CallError is { } error)
        {
            return new ToolResult(error, IsError: true);
        }

        if (offered.All(s => s.Name != call.Name))
        {
            return new ToolResult($"unknown tool '{call.Name}'; offered: {(offered.Count == 0 ? "none" : string.Join(", ", offered.Select(s => s.Name)))}", IsError: true);
        }

        if (IsDown(tape.Calls.Count))
        {
            throw new VoidException(VoidCause.ToolUnavailable, FormattableString.Invariant($"tool '{call.Name}' is down on purpose: faults.toolOutage = {configuration.Faults.ToolOutage}"));
        }

        progress.Tool = call.Name;
        try
        {
            var answer = services.Tool(call.Name)!.IsStateful
                ? await CallStatefulAsync(tape, call, cancellationToken)
                : await CallStatelessAsync(tape, call, cancellationToken);
            switch (answer.Status)
            {
                case ToolCallStatus.Done when answer.Result!.Images.Length > 0 && !chat.SeesImages:
                    throw new VoidException(VoidCause.ToolUnavailable, $"tool '{call.Name}' answered with images, and this policy reads text only: do not offer the tool, or choose a policy that sees");
                case ToolCallStatus.Done:
                    return answer.Result!;
                case ToolCallStatus.Cancelled:
                    cancellationToken.ThrowIfCancellationRequested();
                    throw new VoidException(VoidCause.ToolUnavailable, $"tool '{call.Name}' gave the call up");
                default:
                    throw new VoidException(answer.Cause is VoidCause.None ? VoidCause.ToolUnavailable : answer.Cause, answer.Detail ?? $"tool '{call.Name}' answered {answer.Status}");
            }
        }
        finally
        {
            progress.Tool = null;
        }
    }

    /// <summary>Whether a tool is down on purpose for a call. Where that makes the episode Wrong, which is final, what else cost attempts must not change it.</summary>
    private bool IsDown(int calls) => IsTraining && configuration.Faults.ToolOutage > 0
        && _chance.With("outage").With(IsBlamed ? 0 : (ulong)attempt).With((ulong)calls).Uniform(0, 0) < configuration.Faults.ToolOutage;

    private async Task<ToolCallResult> CallStatelessAsync(EpisodeTape tape, ToolCall call, CancellationToken cancellationToken)
    {
        var tool = grains.GetGrain<IStatelessToolGrain>(call.Name);
        var body = Call(0, tape, call, null);
        return await calls.RunAsync(
            async _ => Pending<ToolCallResult>.Done(await tool.InvokeAsync(body)),
            _ => Task.FromResult(Pending<ToolCallResult>.Unknown),
            () => Task.CompletedTask,
            cancellationToken);
    }

    private async Task<ToolCallResult> CallStatefulAsync(EpisodeTape tape, ToolCall call, CancellationToken cancellationToken)
    {
        if (!_tools.TryGetValue(call.Name, out var tool))
        {
            _tools[call.Name] = tool = grains.GetGrain<IToolGrain>($"{call.Name}/{_session}");
        }

        // Only calls that were executed count: one that could not be read never reached the tool.
        var earlier = tape.Calls.SkipLast(1).Where(c => c.Name == call.Name && c is { Closed: true, Observation: not null } && c.Arguments.Length > 0).ToArray();
        for (var losses = 0; ; losses++)
        {
            var answer = await OneAsync(tool, Call(earlier.Length, tape, call, null), cancellationToken);
            if (answer.Status != ToolCallStatus.SessionLost)
            {
                return answer;
            }

            if (losses == 3)
            {
                throw new VoidException(VoidCause.SiloLost, $"the session of tool '{call.Name}' was lost {losses + 1} times");
            }

            for (var i = 0; i < earlier.Length; i++)
            {
                var replay = await OneAsync(tool, Call(i, tape, earlier[i], tape.ResultOf(earlier[i])), cancellationToken);
                if (replay.Status == ToolCallStatus.SessionLost)
                {
                    break;
                }

                if (replay.Status != ToolCallStatus.Done)
                {
                    return replay;
                }
            }
        }
    }

    private Task<ToolCallResult> OneAsync(IToolGrain tool, ToolCallRequest body, CancellationToken cancellationToken) => calls.RunAsync(
        _ => tool.StartAsync(body),
        atMost => tool.WaitAsync(body.Attempt, body.Index, atMost),
        tool.CancelAsync,
        cancellationToken);

    private ToolCallRequest Call(int index, EpisodeTape tape, ToolCall call, ToolResult? recorded) => new()
    {
        Episode = id,
        Attempt = attempt,
        Index = index,
        Arguments = call.Arguments,
        Images = tape.SeenBy(call),
        Chance = id.Original.Chance(configuration.Seed).With("tool"),
        Recorded = recorded,
    };

    private async Task<Rollout> VerifyAsync(EpisodeTape tape, ParsedTurn parsed, CancellationToken cancellationToken)
    {
        var outcome = Outcome.Wrong;
        if (parsed.Boxed is { } answer)
        {
            try
            {
                var verifier = services.Verifier(Question.Verifier);
                outcome = await Task.Run(() => verifier.VerifyAsync(Question, answer, cancellationToken).AsTask(), cancellationToken) == Verdict.Correct ? Outcome.Correct : Outcome.Wrong;
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
            {
                throw new VoidException(VoidCause.VerifierFault, $"verifier '{Question.Verifier}': {e.GetType().Name}: {e.Message}", e);
            }
        }

        return tape.ToRollout(id, Question, outcome, EndReason.Answered, parsed.Boxed, attempt);
    }

    private TurnRecord Record(EpisodeTape tape, StopReason stop)
    {
        var (tokens, logProbs, entropies, versions) = tape.OwnTurn();
        return new TurnRecord
        {
            Episode = id,
            Attempt = attempt,
            Turn = tape.Turns,
            Tokens = tokens,
            LogProbs = logProbs,
            Entropies = entropies,
            Versions = versions,
            Stop = stop,
        };
    }

    private async Task StoreAsync(TurnRecord? record, CancellationToken cancellationToken)
    {
        if (record is null)
        {
            return;
        }

        try
        {
            FaultPoints.Reach(FaultPoints.BeforeTurnStored);
            await journal.AppendAsync(record, cancellationToken);
            FaultPoints.Reach(FaultPoints.AfterTurnStored);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            throw new VoidException(VoidCause.StorageFault, $"turn {record.Turn} could not be stored: {e.Message}", e);
        }
    }

    private async Task StoreResultAsync(int turn, ToolResult result, CancellationToken cancellationToken)
    {
        try
        {
            FaultPoints.Reach(FaultPoints.BeforeResultStored);
            await journal.AppendResultAsync(id, attempt, turn, result, cancellationToken);
            FaultPoints.Reach(FaultPoints.AfterResultStored);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            throw new VoidException(VoidCause.StorageFault, $"the result of turn {turn} could not be stored: {e.Message}", e);
        }
    }

    private Rollout Void(VoidCause cause, string detail) => Ended(Outcome.Void, EndReason.Void, cause, detail);

    private Rollout Ended(Outcome outcome, EndReason end, VoidCause cause, string detail)
    {
        var tape = _tape ?? new EpisodeTape(chat);
        tape.DropTurn();
        return tape.ToRollout(id, Question, outcome, end, null, attempt, cause, detail);
    }

    private async Task CloseToolsAsync()
    {
        foreach (var tool in _tools.Values)
        {
            try
            {
                await tool.CloseAsync();
            }
            catch (Exception e) when (LostCalls.IsLost(e))
            {
                // The session died with its silo.
                _ = e;
            }
        }
    }
}
