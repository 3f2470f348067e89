using Axpo.Core;

namespace Axpo.Training.Generation;

/// <summary>What becomes of a step that failed.</summary>
internal sealed partial class EngineLoop
{
    /// <summary>Steps that may fail one after the other before the engine starts anew.</summary>
    private const int FailuresInARow = 3;

    /// <summary>Steps that must go well after it started anew before it may do so again; it gives itself up otherwise.</summary>
    private const int StepsBetweenRebuilds = 256;

    private int _failures;
    private int _goodSteps = StepsBetweenRebuilds;

    /// <summary>
    /// A step, or a share of it, failed for these sequences. Out of memory they are tried once more with less. Else they end, their sessions are forgotten (pages may be half written),
    /// and the engine goes on; after a native error, or when this repeats, it starts anew.
    /// </summary>
    private void Fail(List<(List<Sequence> Sequences, Exception Cause)> failures)
    {
        var (counts, isNative, reason) = (false, false, "");
        foreach (var (sequences, cause) in failures)
        {
            _counters.LastError = EngineFaults.Text(cause);
            if (EngineFaults.IsOutOfMemory(cause))
            {
                var again = sequences.RemoveAll(s => !s.IsRetried && (s.IsRetried = true));
                FreeMemory(cause, again);
                if (again > 0 && sequences.Count == 0)
                {
                    continue;
                }
            }

            (counts, isNative, reason) = (true, isNative || EngineFaults.IsNative(cause), EngineFaults.Text(cause));
            EngineLog.StepFailed(_logger, cause, sequences.Count);
            Fault(sequences, reason);
        }

        if (counts && (++_failures >= FailuresInARow || isNative))
        {
            Rebuild(reason);
        }
    }

    private bool RetriesAdmission(Sequence sequence, Exception e)
    {
        if (!EngineFaults.IsOutOfMemory(e) || sequence.IsRetried)
        {
            return false;
        }

        sequence.IsRetried = true;
        FreeMemory(e, 1);
        return true;
    }

    private void FreeMemory(Exception e, int sequences)
    {
        _sessions.EvictAll();
        _pool.Trim();
        _prefill.Halve();
        EngineLog.OutOfMemory(_logger, e, _prefill.Rows, sequences);
    }

    private void Fault(IReadOnlyList<Sequence> sequences, string reason)
    {
        foreach (var sequence in sequences)
        {
            var session = sequence.Session;
            End(sequence, GenerateStatus.Fault, error: reason);
            if (session is not null)
            {
                _sessions.Drop(session);
            }
        }
    }

    /// <summary>Workers and pages are made anew and the weights of now are read again; what waits goes on. When that fails, or was done a moment ago, the engine gives itself up.</summary>
    private void Rebuild(string reason)
    {
        Fault([.. _live], reason);
        if (_counters.Fatal is not null)
        {
            return;
        }

        if (_goodSteps < StepsBetweenRebuilds)
        {
            GiveUp($"it failed again right after it had started anew: {reason}");
            return;
        }

        try
        {
            var decoder = _reload(_version);
            var team = new WorkerTeam(decoder.Config, _threads.Workers, _options.Deterministic);
            _sessions.EvictAll();
            _pool.Trim();
            _team!.Dispose();
            _decoder.Dispose();
            (_team, _decoder, _failures, _goodSteps) = (team, decoder, 0, 0);
            EngineLog.Rebuilt(_logger, _version.Fence, _version.Step, reason);
        }
        catch (Exception e)
        {
            GiveUp($"it failed ({reason}), and the weights in '{_version.Folder}' could not be read again: {EngineFaults.Text(e)}");
        }
    }

    private void GiveUp(string why)
    {
        _counters.Fatal = $"{why}; restart the process, and look at the model's weights and the memory";
        EngineLog.Unhealthy(_logger, _counters.Fatal);
    }
}
