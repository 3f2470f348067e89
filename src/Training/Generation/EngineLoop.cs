using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.InteropServices;
using Axpo.Core;
using Axpo.Training.Models;
using Axpo.Training.Pictures;
using Axpo.Training.Threads;
using Microsoft.Extensions.Logging;
using static TorchSharp.torch;

namespace Axpo.Training.Generation;

/// <summary>The engine's thread: it alone owns sessions, pages and weights. One turn of the loop is one token of every live sequence, or of a wave of them.</summary>
internal sealed partial class EngineLoop
{
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
    private readonly List<Sequence> _decoding = [];
    private readonly Dictionary<string, Sequence> _promptsInWork = new(StringComparer.Ordinal);
    private readonly IEngineCompute _compute;
    private readonly int _maxContext;
    private readonly PrefillBudget _prefill = new();
    private readonly Action<int> _queue;
    private readonly Func<WeightsVersion, Decoder> _reload;
    private readonly PictureFeatures? _pictures;
    private Decoder _decoder;
    private WeightsVersion _version;
    private EngineCommand.Swap? _pendingSwap;
    private IStepTeam? _team;
    private int _weights;
    private volatile bool _stopping;

    public EngineLoop(Decoder decoder, WeightsVersion version, EngineOptions options, IEngineCompute compute, int maxContext, BlockingCollection<EngineCommand> commands, EngineCounters counters, TimeProvider time, ILogger logger, Action<int> queue, Func<WeightsVersion, Decoder> reload, PictureReader? pictures)
    {
        (_decoder, _version, _options, _compute, _maxContext) = (decoder, version, options, compute, maxContext);
        (_commands, _counters, _time, _logger, _queue, _reload) = (commands, counters, time, logger, queue, reload);
        _pool = compute.Pool;
        Wave = compute.Wave;
        _sessions = new SessionTable(_pool, counters);
        _pictures = pictures is null ? null : new PictureFeatures(pictures, ImageBytes(options) / 2, counters);
    }

    /// <summary>Bytes for pictures: one half for patches, the other for what the tower made of them.</summary>
    public static long ImageBytes(EngineOptions options) => (long)options.ImageMebibytes << 20;

    public int Pages => _pool.Capacity;

    /// <summary>Runs before every step; tests make steps fail, or watch them.</summary>
    public Action<long>? BeforeStep { get; set; }

    /// <summary>Runs on each worker before its share of a step; tests make shares fail.</summary>
    public Action<StepShare>? BeforeShare { get; set; }

    /// <summary>Runs after a token was sampled, while the session still stands as it was sampled from; tests watch it.</summary>
    public Action<Sequence, SampledToken>? AfterToken { get; set; }

    /// <summary>Which decoding sequences a step takes; tests set another before the first step.</summary>
    public DecodeWave Wave { get; set; }

    /// <summary>The pages; for tests.</summary>
    public KvPool Pool => _pool;

    /// <summary>Pages that nobody holds and nobody was promised; for tests.</summary>
    public int FreePages => _sessions.Available;

    /// <summary>Most tokens of context beside decoding; for tests.</summary>
    public int PrefillRows => _prefill.Rows;

    /// <summary>A session's record of which weights computed it; for tests, on the engine's thread.</summary>
    public KvVersions? Kv(string session) => _sessions.Find(session)?.Kv;

    /// <summary>Evicts what is idle; for tests, on the engine's thread.</summary>
    public void EvictIdle() => _sessions.EvictAll();

    /// <summary>Ends the loop after the step that is running.</summary>
    public void Stop() => _stopping = true;

    /// <summary>The thread's body.</summary>
    public void Run()
    {
        IntraOpThreads.UseOne();
        using var inference = inference_mode();
        try
        {
            _team = _compute.NewTeam();
            while (!_stopping)
            {
                Turn(_team);
            }
        }
        finally
        {
            AnswerAll("the engine is stopping");
            _team?.Dispose();
            _pictures?.Dispose();
            _pool.Dispose();
            _decoder.Dispose();
        }
    }

    private void Turn(IStepTeam team)
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
            }

            Volatile.Write(ref _counters.Live, _live.Count);
            _sessions.Report();
        }
        catch (Exception e)
        {
            Fail([([.. _live], e)]);
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
        _weights++;
        _promptsInWork.Clear();
        foreach (var sequence in _live)
        {
            SharesNoMore(sequence);
        }

        foreach (var prompt in _sessions.Where(s => s.IsPrompt))
        {
            _sessions.Drop(prompt);
        }

        if (_options.Deterministic || _options.OldKv == OldKv.Recompute)
        {
            _sessions.EvictAll();
            SuspendAll();
        }

        Volatile.Write(ref _counters.Version, _version.Step);
        EngineLog.Swapped(_logger, _version.Fence, _version.Step);
        swap.Done.TrySetResult(true);
    }

    /// <summary>Live sequences go back to the head of the queue, in their order.</summary>
    private void SuspendAll()
    {
        for (var i = _live.Count - 1; i >= 0; i--)
        {
            var sequence = _live[i];
            _sessions.Suspend(sequence);
            sequence.IsSuspended = true;
            _waiting.AddFirst(sequence);
            _queue(1);
        }

        _live.Clear();
    }

    private void Admit()
    {
        // In deterministic mode weights wait until nothing is live: then nothing new may start before them.
        var holdBack = _pendingSwap is not null && _options.Deterministic;
        for (var node = _waiting.First; node is not null && _live.Count < _options.MaxBatch * _compute.Threads.Workers && !holdBack;)
        {
            var sequence = node.Value;
            var admission = new Admission(_sessions, sequence, _weights, _maxContext, _pool.Capacity, _promptsInWork);
            if (_sessions.Find(sequence.Request.Session)?.Running is { } older && older != sequence)
            {
                End(older, GenerateStatus.Cancelled, error: "a newer request for the same session replaced this one");
            }

            var next = node.Next;
            AdmissionOutcome outcome;
            try
            {
                outcome = admission.Try(nothingElseLives: _live.Count == 0);
            }
            catch (Exception e)
            {
                admission.Undo();
                if (!RetriesAdmission(sequence, e))
                {
                    _counters.LastError = EngineFaults.Text(e);
                    EngineLog.AdmissionFailed(_logger, e);
                    Answer(node, GenerateStatus.Fault, EngineFaults.Text(e));
                }

                node = next;
                continue;
            }

            switch (outcome)
            {
                case AdmissionOutcome.Admitted:
                    _waiting.Remove(node);
                    _queue(-1);
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
                case AdmissionOutcome.WaitForPrefix:
                    break;
                default:
                    // No room: those behind wait too, or a large one would starve.
                    return;
            }

            node = next;
        }
    }

    private void Step(IStepTeam team)
    {
        BeforeStep?.Invoke(_counters.Steps);
        Plan(team);
        team.Run(_decoder, _pictures, BeforeShare);
        foreach (var share in team.Shares.Where(s => s.Failure is null))
        {
            for (var i = 0; i < share.Work.Count; i++)
            {
                Advance(share.Work[i], share.Sampled[i], share.Errors[i]);
            }
        }

        _counters.Steps++;
        var failed = team.Shares.Where(s => s.Failure is not null).Select(s => (s.Work.ConvertAll(w => w.Sequence), s.Failure!)).ToList();
        if (failed.Count > 0)
        {
            // What one share could not do is no other's fault.
            Fail(failed);
            return;
        }

        _failures = 0;
        _goodSteps++;
        _prefill.Good();
    }

    private void Plan(IStepTeam team)
    {
        foreach (var share in team.Shares)
        {
            share.Clear();
        }

        _decoding.Clear();
        _decoding.AddRange(_live.Where(Decodes));
        Wave.Next(_decoding);
        var prefill = _decoding.Count > 0 ? _prefill.Rows : _prefill.RowsAlone;
        _plan.Clear();
        foreach (var sequence in _live)
        {
            var session = sequence.Session!;
            var count = session.Uncomputed;
            if (!Decodes(sequence))
            {
                count = Math.Min(count, prefill);
                prefill -= count;
                if (count == 0)
                {
                    continue;
                }
            }
            else if (!sequence.IsInWave && !sequence.IsAwaited)
            {
                continue;
            }

            _sessions.Extend(sequence, session.Computed + count);
            _plan.Add(new StepWork(sequence, session.Computed, count, Sample: count == session.Uncomputed));
        }

        // Whose picture is gone ends alone.
        foreach (var (work, why) in _pictures?.Prepare(_decoder, _weights, _plan) ?? [])
        {
            _plan.Remove(work);
            Fault([work.Sequence], $"an image could not be read again: {why.Message}");
        }

        WorkSharing.Deal(_plan, team.Shares, _compute.Threads.RowsOfAWorker);
    }

    /// <summary>Whether one row leads to its next token.</summary>
    private static bool Decodes(Sequence sequence) => sequence.Session!.Uncomputed <= 1;

    private void Advance(StepWork work, SampledToken token, string? error)
    {
        var sequence = work.Sequence;
        var session = sequence.Session!;
        session.Kv.Add(work.Count, _weights);
        sequence.IsRetried = false;
        _counters.Prefilled += Overlap(work.From, session.Computed, sequence.PrefillFrom, sequence.PrefillTo);
        _counters.Refilled += Overlap(work.From, session.Computed, sequence.PrefillFrom, sequence.RefillTo);
        var request = sequence.Request;
        if (sequence.MakesPrompt && session.Computed >= request.Tokens.Length)
        {
            SharesNoMore(sequence);
            KeepPrompt(sequence, session);
        }
        else if (sequence.Restores is { } ghost && session.Computed >= request.Offset)
        {
            SharesNoMore(sequence);
            if (_sessions.Find(ghost.Id) == ghost && ghost.Running is null)
            {
                _sessions.Restore(ghost, session, request.Offset, sequence);
            }
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

        AfterToken?.Invoke(sequence, token);
        session.Tokens.Add(token.Token);
        sequence.Add(token, _version.Step);
        _counters.Generated++;
        if (Array.IndexOf(sequence.Request.StopTokens, token.Token) >= 0 || Array.Exists(sequence.Request.StopSequences, sequence.EndsWith))
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

    private static int Overlap(int from, int to, int first, int end) => Math.Max(0, Math.Min(to, end) - Math.Max(from, first));

    private void KeepPrompt(Sequence sequence, Session session)
    {
        var group = sequence.Request.Group!;
        if (_sessions.FindPrompt(group) is { } old)
        {
            _sessions.Drop(old);
        }

        var prompt = new Session("prompt of " + group, group) { IsPrompt = true };
        prompt.Tokens.AddRange(sequence.Request.Tokens);
        prompt.Pictures.AddFrom(session.Pictures, prompt.Tokens.Count);
        _sessions.Share(prompt, session, prompt.Tokens.Count, sequence);
        _sessions.Add(prompt);
    }

    /// <summary>Nobody waits any more for what it was computing.</summary>
    private void SharesNoMore(Sequence sequence)
    {
        if (sequence.MakesPrompt)
        {
            sequence.MakesPrompt = false;
            _promptsInWork.Remove(sequence.Request.Group!);
        }

        sequence.Restores?.RestoredBy = null;
        sequence.Restores = null;
    }

    private void End(Sequence sequence, GenerateStatus status, StopReason stop = default, string? error = null)
    {
        if (!_live.Remove(sequence) && _waiting.Remove(sequence))
        {
            _queue(-1);
        }

        SharesNoMore(sequence);
        _sessions.End(sequence);
        Volatile.Write(ref _counters.Live, _live.Count);
        _sessions.Report();
        sequence.Complete(status, stop, error);
    }

    private void Answer(LinkedListNode<Sequence> node, GenerateStatus status, string? error, StopReason stop = default)
    {
        _waiting.Remove(node);
        _queue(-1);
        _sessions.End(node.Value);
        node.Value.Complete(status, stop, error);
    }

    /// <summary>The loop ended: nobody waits for it any more.</summary>
    private void AnswerAll(string why)
    {
        do
        {
            while (_commands.TryTake(out var command))
            {
                Take(command);
            }

            foreach (var sequence in _live.Concat(_waiting))
            {
                sequence.Complete(GenerateStatus.Cancelled, error: why);
            }

            _queue(-_waiting.Count);
            _live.Clear();
            _waiting.Clear();
        }
        while (_commands.Count > 0);

        _pendingSwap?.Done.TrySetResult(false);
        _pendingSwap?.Decoder.Dispose();
        _pendingSwap = null;
    }
}
