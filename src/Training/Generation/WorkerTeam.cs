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
    private readonly ThreadTeam _helpers;
    private readonly Action<int> _help;
    private readonly Func<int, bool> _helps;
    private readonly Action _own;
    private Decoder? _decoder;
    private PictureFeatures? _pictures;
    private Action<StepShare>? _before;

    public WorkerTeam(DecoderConfig config, int size, bool deterministic)
    {
        _workers = [.. Enumerable.Range(0, size).Select(_ => new StepWorker(config, deterministic))];
        _shares = [.. Enumerable.Range(0, size).Select(_ => new StepShare())];
        _helpers = new ThreadTeam("axpo-engine-helper", size - 1, intraOpThreads: 1);
        (_help, _helps, _own) = (i => Help(i + 1), i => _shares[i + 1].Work.Count > 0, () => Do(0));
    }

    public int Size => _workers.Length;

    /// <inheritdoc/>
    public IReadOnlyList<StepShare> Shares => _shares;

    /// <inheritdoc/>
    public void Run(Decoder decoder, PictureFeatures? pictures, Action<StepShare>? before)
    {
        (_decoder, _pictures, _before) = (decoder, pictures, before);
        _helpers.Run(_help, _helps, _own);
    }

    /// <inheritdoc/>
    public void Dispose() => _helpers.Dispose();

    private void Help(int index)
    {
        using var inference = inference_mode();
        Do(index);
    }

    private void Do(int index)
    {
        var share = _shares[index];
        try
        {
            _before?.Invoke(share);
            _workers[index].Run(_decoder!, _pictures, share);
        }
        catch (Exception e)
        {
            share.Failure = e;
        }
    }
}
