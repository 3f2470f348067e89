using Axpo.Training.Devices;
using Axpo.Training.Models;
using static TorchSharp.torch;

namespace Axpo.Training.Generation;

/// <summary>The processor: threads with vectorised attention and sampling over pages in memory.</summary>
/// <param name="decoder">The first weights; later ones have their shape.</param>
/// <param name="layout">Layout of a page.</param>
/// <param name="kvBytes">Bytes of all pages.</param>
/// <param name="threads">Threads.</param>
/// <param name="deterministic">Whether a row's bits must not depend on its neighbours.</param>
/// <exception cref="InvalidOperationException">The system does not reserve so much.</exception>
internal sealed class HostCompute(Decoder decoder, KvLayout layout, long kvBytes, ThreadLayout threads, bool deterministic) : IEngineCompute
{
    private readonly DecoderConfig _config = decoder.Config;

    /// <inheritdoc/>
    public Device Device => ComputeDevice.Cpu;

    /// <inheritdoc/>
    public ThreadLayout Threads => threads;

    /// <inheritdoc/>
    public KvPool Pool { get; } = new(layout, kvBytes);

    /// <inheritdoc/>
    public DecodeWave Wave { get; } = new(DecodeWave.BytesFor(decoder, ProcessorCache.LastLevelBytes), layout.PageKvBytes, threads.Workers * Math.Max(threads.RowsOfAWorker, DecodeWave.RowsTogether));

    /// <inheritdoc/>
    public IStepTeam NewTeam() => new WorkerTeam(_config, threads.Workers, deterministic);
}
