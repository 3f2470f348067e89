using Axpo.Training.Models;
using Axpo.Training.Threads;
using static TorchSharp.torch;

namespace Axpo.Training.Generation;

/// <summary>
/// The engine's compute threads: the engine's own thread and, for larger steps, helpers that work in lockstep with it. All state belongs to the engine's
/// thread; helpers touch only the share they were handed, between the two signals.
/// </summary>
internal sealed class WorkerTeam : IStepTeam
{
    private readonly StepWorker[] _workers;
    private readonly StepShare[] _shares;
    private readonly SemaphoreSlim[] _go;
    private readonly SemaphoreSlim _done = new(0);
    private readonly Thread[] _threads;
    private Decoder? _decoder;
    private Action<StepShare>? _before;
    private volatile bool _stopping;

    public WorkerTeam(DecoderConfig config, int size, bool fixedRows)
    {
        _workers = [.. Enumerable.Range(0, size).Select(_ => new StepWorker(config, fixedRows))];
        _shares = [.. Enumerable.Range(0, size).Select(_ => new StepShare())];
        _go = [.. Enumerable.Range(1, size - 1).Select(_ => new SemaphoreSlim(0))];
        _threads = [.. Enumerable.Range(1, size - 1).Select(i => new Thread(() => Help(i)) { IsBackground = true, Name = FormattableString.Invariant($"axpo-engine-{i}") })];
        foreach (var thread in _threads)
        {
            thread.Start();
        }
    }

    public int Size => _workers.Length;

    /// <inheritdoc/>
    public IReadOnlyList<StepShare> Shares => _shares;

    /// <inheritdoc/>
    public void Run(Decoder decoder, Action<StepShare>? before)
    {
        (_decoder, _before) = (decoder, before);
        var helpers = 0;
        for (var i = 1; i < _shares.Length; i++)
        {
            if (_shares[i].Work.Count > 0)
            {
                helpers++;
                _go[i - 1].Release();
            }
        }

        Do(0);
        for (; helpers > 0; helpers--)
        {
            _done.Wait();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stopping = true;
        foreach (var go in _go)
        {
            go.Release();
        }

        foreach (var thread in _threads)
        {
            thread.Join();
        }

        foreach (var go in _go)
        {
            go.Dispose();
        }

        _done.Dispose();
    }

    private void Help(int index)
    {
        IntraOpThreads.UseOne();
        using var inference = inference_mode();
        while (true)
        {
            _go[index - 1].Wait();
            if (_stopping)
            {
                return;
            }

            Do(index);
            _done.Release();
        }
    }

    private void Do(int index)
    {
        var share = _shares[index];
        try
        {
            _before?.Invoke(share);
            _workers[index].Run(_decoder!, share);
        }
        catch (Exception e)
        {
            share.Failure = e;
        }
    }
}
