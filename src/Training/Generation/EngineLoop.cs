using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.InteropServices;
using Axpo.Core;
using Axpo.Training.Models;
using Microsoft.Extensions.Logging;
using static TorchSharp.torch;

namespace Axpo.Training.Generation;

/// <summary>The engine's thread: it alone owns sessions, pages and weights. One turn of the loop is one token of every live sequence.</summary>
internal sealed class EngineLoop
{
    /// <summary>Tokens of context computed in one step beside decoding; more wait for the next step, so that live sequences do not stall.</summary>
    private const int PrefillRows = 256;

    /// <summary>Tokens of context computed in one step when nothing is decoded.</summary>
    private const int PrefillRowsAlone = 1024;

    /// <summary>Steps that may fail one after the other before the engine gives itself up.</summary>
    private const int FailuresInARow = 3;

    private readonly BlockingCollection<EngineCommand> _commands;
    private readonly EngineOptions _options;
    private readonly EngineCounters _counters;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly KvPool _pool;
    private readonly SessionTable _sessions;
    private readonly LinkedList<Sequence> _waiting = new();
    private readonly List<Sequence> _live = [];
    private readonly List<StepWork> _plan = [];
    private readonly Dictionary<string, Sequence> _promptsInWork = new(StringComparer.Ordinal);
    private readonly int _workers;
    private readonly int _maxContext;
    private readonly Action _leftQueue;
    private Decoder _decoder;
    private WeightsVersion _version;
    private EngineCommand.Swap? _pendingSwap;
    private int _epoch;
    private int _failures;
    private volatile bool _stopping;

    public EngineLoop(Decoder decoder, WeightsVersion version, EngineOptions options, int workers, int maxContext, BlockingCollection<EngineCommand> commands, EngineCounters counters, TimeProvider time, ILogger logger, Action leftQueue)
    {
        (_decoder, _version, _options, _workers, _maxContext) = (decoder, version, options, workers, maxContext);
        (_commands, _counters, _time, _logger, _leftQueue) = (commands, counters, time, logger, leftQueue);
        var layout = new KvLayout(decoder.Config);
        _pool = new KvPool(layout, (long)options.KvMebibytes << 20);
        _sessions = new SessionTable(_pool, counters);
        PageBytes = layout.PageBytes;
    }

    public int Pages => _pool.Capacity;

    public long PageBytes { get; }

    /// <summary>Runs before every step; tests make steps fail, or watch them.</summary>
    public Action<long>? BeforeStep { get; set; }

    /// <summary>Ends the loop after the step that is running.</summary>
    public void Stop() => _stopping = true;

    /// <summary>The thread's body.</summary>
    public void Run()
    {
        IntraOpThreads.UseOne();
        using var inference = inference_mode();
        using var team = new WorkerTeam(_decoder.Config, _workers, _options.Deterministic);
        try
        {
            while (!_stopping)
            {
                Turn(team);
            }
        }
        finally
        {
            EndAll(GenerateStatus.Cancelled, "the engine is stopping");
            _pool.Dispose();
            _decoder.Dispose();
        }
    }

    private void Turn(WorkerTeam team)
    {
        try
        {
            TakeCommands();
            if (_stopping)
            {
                return;
            }

            EndExpired();
            SwapIfPossible();
            Admit();
            if (_live.Count > 0)
            {
                Step(team);
                _failures = 0;
            }

            Volatile.Write(ref _counters.Live, _live.Count);
            _sessions.Report();
        }
        catch (Exception e)
        {
            Fail(e);
        }
    }

    private void TakeCommands()
    {
        // Nothing to do: sleep until somebody calls.
        if (_live.Count == 0 && _waiting.Count == 0 && _pendingSwap is null)
        {
            Take(_commands.Take());
        }

        while (_commands.TryTake(out var command))
        {
            Take(command);
        }
    }

    private void Take(EngineCommand command)
    {
        switch (command)
        {
            case EngineCommand.Generate generate:
                _waiting.AddLast(generate.Sequence);
                break;
            case EngineCommand.Release release:
                Release(release.Prefix);
                break;
            case EngineCommand.Swap swap:
                _pendingSwap?.Done.TrySetResult(false);
                _pendingSwap?.Decoder.Dispose();
                _pendingSwap = swap;
                break;
            default:
                break;
        }
    }

    private void Release(string prefix)
    {
        foreach (var session in _sessions.Where(s => s.Below(prefix)))
        {
            if (session.Running is { } sequence)
            {
                End(sequence, GenerateStatus.Cancelled, error: "the session was released");
            }

            _sessions.Drop(session);
        }

        for (var node = _waiting.First; node is not null;)
        {
            var next = node.Next;
            if (Session.Below(node.Value.Request.Session, prefix))
            {
                Answer(node, GenerateStatus.Cancelled, "the session was released");
            }

            node = next;
        }
    }

    private void EndExpired()
    {
        DateTimeOffset? now = null;
        for (var i = _live.Count - 1; i >= 0; i--)
        {
            if (Expired(_live[i], ref now) is { } why)
            {
                End(_live[i], GenerateStatus.Cancelled, error: why);
            }
        }

        for (var node = _waiting.First; node is not null;)
        {
            var next = node.Next;
            if (_counters.Fatal is { } fatal)
            {
                Answer(node, GenerateStatus.Fault, fatal);
            }
            else if (Expired(node.Value, ref now) is { } why)
            {
                Answer(node, GenerateStatus.Cancelled, why);
            }

            node = next;
        }
    }

    private string? Expired(Sequence sequence, ref DateTimeOffset? now)
    {
        if (sequence.IsCancelled)
        {
            return "the caller cancelled";
        }

        if (sequence.Request.Deadline is not { } deadline)
        {
            return null;
        }

        now ??= _time.GetUtcNow();
        return now >= deadline ? string.Create(CultureInfo.InvariantCulture, $"the deadline {deadline:O} passed") : null;
    }

    private void SwapIfPossible()
    {
        if (_pendingSwap is not { } swap || (_options.Deterministic && _live.Count > 0))
        {
            return;
        }

        _pendingSwap = null;
        _decoder.Dispose();
        _decoder = swap.Decoder;
        _version = swap.Version;
        _epoch++;
        _promptsInWork.Clear();
        foreach (var sequence in _live)
        {
            sequence.MakesPrompt = false;
        }

        foreach (var session in _sessions.Where(s => s.Running is null && (s.IsPrompt || _options.Deterministic)))
        {
            _sessions.Drop(session);
        }

        Volatile.Write(ref _counters.Version, _version.Step);
        EngineLog.Swapped(_logger, _version.Fence, _version.Step);
        swap.Done.TrySetResult(true);
    }

    private void Admit()
    {
        // In deterministic mode weights wait until nothing is live: then nothing new may start before them.
        var holdBack = _pendingSwap is not null && _options.Deterministic;
        for (var node = _waiting.First; node is not null && _live.Count < _options.MaxBatch * _workers && !holdBack;)
        {
            var next = node.Next;
            var sequence = node.Value;
            var admission = new Admission(_sessions, sequence, _epoch, _maxContext, _pool.Capacity, _promptsInWork);
            if (_sessions.Find(sequence.Request.Session)?.Running is { } older)
            {
                End(older, GenerateStatus.Cancelled, error: "a newer request for the same session replaced this one");
            }

            switch (admission.Try(nothingElseLives: _live.Count == 0))
            {
                case AdmissionOutcome.Admitted:
                    _waiting.Remove(node);
                    _leftQueue();
                    _live.Add(sequence);
                    _counters.Shared += admission.SharedTokens;
                    if (sequence.MakesPrompt)
                    {
                        _promptsInWork[sequence.Request.Group!] = sequence;
                    }

                    break;
                case AdmissionOutcome.Answered:
                    Answer(node, admission.Status, admission.Error, admission.Stop);
                    break;
                case AdmissionOutcome.WaitForPrompt:
                    break;
                default:
                    // No room: those behind wait too, or a large one would starve.
                    return;
            }

            node = next;
        }
    }

    private void Step(WorkerTeam team)
    {
        BeforeStep?.Invoke(_counters.Steps);
        Plan(team);
        team.Run(_decoder);
        foreach (var share in team.Shares)
        {
            if (share.Failure is { } failure)
            {
                throw failure;
            }
        }

        foreach (var share in team.Shares)
        {
            for (var i = 0; i < share.Work.Count; i++)
            {
                Advance(share.Work[i], share.Sampled[i], share.Errors[i]);
            }

            share.Clear();
        }

        _counters.Steps++;
    }

    private void Plan(WorkerTeam team)
    {
        foreach (var share in team.Shares)
        {
            share.Clear();
        }

        var prefill = _live.Exists(s => s.Session!.Tokens.Count - s.Session.Computed <= 1) ? PrefillRows : PrefillRowsAlone;
        _plan.Clear();
        foreach (var sequence in _live)
        {
            var session = sequence.Session!;
            var todo = session.Tokens.Count - session.Computed;
            var count = todo <= 1 ? todo : Math.Min(todo, prefill);
            if (todo > 1)
            {
                prefill -= count;
                if (count == 0)
                {
                    continue;
                }
            }

            _sessions.Extend(sequence, session.Computed + count);
            _plan.Add(new StepWork(sequence, session.Computed, count, Sample: count == todo));
        }

        WorkSharing.Deal(_plan, team.Shares);
    }

    private void Advance(StepWork work, SampledToken token, string? error)
    {
        var sequence = work.Sequence;
        var session = sequence.Session!;
        session.Computed += work.Count;
        _counters.Prefilled += Math.Max(0, Math.Min(session.Computed, sequence.ContextTokens) - Math.Max(work.From, sequence.ContextTokens - sequence.Prefilled));
        if (sequence.MakesPrompt && session.Computed >= sequence.ContextTokens)
        {
            KeepPrompt(sequence, session);
        }

        if (error is not null)
        {
            End(sequence, GenerateStatus.Fault, error: error);
            _sessions.Drop(session);
            _counters.LastError = error;
            return;
        }

        if (!work.Sample)
        {
            return;
        }

        session.Tokens.Add(token.Token);
        sequence.Add(token, _version.Step);
        _counters.Generated++;
        if (Array.IndexOf(sequence.Request.StopTokens, token.Token) >= 0)
        {
            End(sequence, GenerateStatus.Done, StopReason.StopToken);
        }
        else if (sequence.Sampled >= sequence.Request.MaxNewTokens)
        {
            End(sequence, GenerateStatus.Done, StopReason.MaxTokens);
        }
        else if (sequence.Sampled >= sequence.Limit)
        {
            End(sequence, GenerateStatus.Done, StopReason.ContextFull);
        }
    }

    private void KeepPrompt(Sequence sequence, Session session)
    {
        sequence.MakesPrompt = false;
        var group = sequence.Request.Group!;
        _promptsInWork.Remove(group);
        if (_sessions.FindPrompt(group) is { } old)
        {
            _sessions.Drop(old);
        }

        var prompt = new Session("prompt of " + group, group, session.Epoch) { IsPrompt = true };
        _sessions.Share(prompt, session, sequence.ContextTokens, sequence);
        _sessions.Add(prompt);
    }

    private void End(Sequence sequence, GenerateStatus status, StopReason stop = default, string? error = null)
    {
        _live.Remove(sequence);
        if (sequence.MakesPrompt)
        {
            sequence.MakesPrompt = false;
            _promptsInWork.Remove(sequence.Request.Group!);
        }

        _sessions.End(sequence);
        Volatile.Write(ref _counters.Live, _live.Count);
        _sessions.Report();
        sequence.Complete(status, stop, error);
    }

    private void Answer(LinkedListNode<Sequence> node, GenerateStatus status, string? error, StopReason stop = default)
    {
        _waiting.Remove(node);
        _leftQueue();
        node.Value.Complete(status, stop, error);
    }

    /// <summary>A step failed: its sequences end, their sessions are forgotten (pages may be half written), and the engine goes on unless this repeats.</summary>
    private void Fail(Exception e)
    {
        EngineLog.StepFailed(_logger, e, _live.Count);
        var reason = $"{e.GetType().Name}: {e.Message}";
        _counters.LastError = reason;
        foreach (var sequence in _live.ToArray())
        {
            var session = sequence.Session;
            End(sequence, GenerateStatus.Fault, error: reason);
            if (session is not null)
            {
                _sessions.Drop(session);
            }
        }

        if (++_failures >= FailuresInARow || e is SEHException or OutOfMemoryException)
        {
            _counters.Fatal = string.Create(CultureInfo.InvariantCulture, $"the engine failed {_failures} times in a row, last: {reason}; restart the process, and look at the model's weights and the memory");
            EngineLog.Unhealthy(_logger, _counters.Fatal);
        }
    }

    private void EndAll(GenerateStatus status, string why)
    {
        foreach (var sequence in _live.ToArray())
        {
            End(sequence, status, error: why);
        }

        do
        {
            while (_commands.TryTake(out var command))
            {
                Take(command);
            }

            while (_waiting.First is { } node)
            {
                Answer(node, status, why);
            }
        }
        while (_commands.Count > 0);

        _pendingSwap?.Done.TrySetResult(false);
        _pendingSwap?.Decoder.Dispose();
        _pendingSwap = null;
    }
}
