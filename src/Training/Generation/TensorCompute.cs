using Axpo.Training.Models;
using static TorchSharp.torch;

namespace Axpo.Training.Generation;

/// <summary>A device: everything of a step is a libtorch operator on whole tensors, asked for by the engine's own thread. It runs on any device that libtorch has.</summary>
internal sealed class TensorCompute : IEngineCompute
{
    private readonly DecoderConfig _config;
    private readonly TensorKvMemory _memory;

    /// <param name="config">Shape of the decoder.</param>
    /// <param name="layout">Layout of a page.</param>
    /// <param name="kvBytes">Bytes of all pages.</param>
    /// <param name="device">Where.</param>
    /// <exception cref="InvalidOperationException">The device has not so much.</exception>
    public TensorCompute(DecoderConfig config, KvLayout layout, long kvBytes, Device device)
    {
        _config = config;
        _memory = new TensorKvMemory(layout, kvBytes, device);
        Pool = new KvPool(layout, _memory);
    }

    /// <inheritdoc/>
    public Device Device => _memory.Device;

    /// <inheritdoc/>
    public ThreadLayout Threads { get; } = new(1, ThreadLayout.UsualRows);

    /// <inheritdoc/>
    public KvPool Pool { get; }

    /// <summary>A device's steps take all: the more rows, the better.</summary>
    public DecodeWave Wave { get; } = new(bytes: 0, pageBytes: 0, fewest: 1);

    /// <inheritdoc/>
    public IStepTeam NewTeam() => new TensorTeam(_config, _memory);
}
