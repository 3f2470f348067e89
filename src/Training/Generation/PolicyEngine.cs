using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using Axpo.Core;
using Axpo.Training.Devices;
using Axpo.Training.Models;
using Axpo.Training.Safetensors;
using Microsoft.Extensions.Logging;

namespace Axpo.Training.Generation;

/// <summary>
/// Generates tokens with a <see cref="Decoder"/> on threads of its own: continuous batching, KV kept between turns and shared by groups and forks, keyed
/// Gumbel-max sampling. Callers only await; every call is answered, on a fault with <see cref="GenerateStatus.Fault"/> and its cause.
/// In deterministic mode tokens and log-probs are the same bits whatever else is live, on any number of workers, and after eviction.
/// </summary>
public sealed class PolicyEngine : IPolicyEngine, IAsyncDisposable
{
    private readonly BlockingCollection<EngineCommand> _commands = new(new ConcurrentQueue<EngineCommand>());
    private readonly EngineCounters _counters = new();
    private readonly EngineOptions _options;
    private readonly TimeProvider _time;
    private readonly DecoderConfig _config;
    private readonly EngineLoop _loop;
    private readonly SemaphoreSlim _publishing = new(1, 1);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private WeightsVersion _published;
    private int _queued;
    private int _disposed;

    private PolicyEngine(Decoder decoder, string folder, EngineOptions options, ThreadLayout threads, TimeProvider time, ILogger logger)
    {
        (_options, _time) = (options, time);
        _config = decoder.Config;
        _published = new WeightsVersion(0, 0, folder, "");
        MaxContext = options.MaxContext > 0 ? Math.Min(options.MaxContext, _config.MaxPositions) : _config.MaxPositions;
        _counters.Workers = threads.Workers;
        _loop = new EngineLoop(decoder, _published, options, threads, MaxContext, _commands, _counters, time, logger, change => Interlocked.Add(ref _queued, change), Reload);
        EngineLog.Started(logger, folder, threads.Workers, threads.RowsOfAWorker, _loop.Pages, _loop.PageBytes >> 10, MaxContext, options.Deterministic);
    }

    /// <inheritdoc/>
    public EngineStatus Status => _counters.Read(Math.Max(0, Volatile.Read(ref _queued)));

    /// <inheritdoc/>
    public int MaxContext { get; }

    /// <summary>The version that samples now, or will from the next token on.</summary>
    public WeightsVersion Published => Volatile.Read(ref _published);

    /// <summary>The engine's loop; for tests.</summary>
    internal EngineLoop Loop => _loop;

    /// <summary>Why the engine cannot run on a device, and what to do; null if it can.</summary>
    /// <param name="setting">Value of <c>engine.device</c>.</param>
    public static string? WhyNot(string setting) => ComputeDevice.AsksForCuda(setting)
        ? "is not supported: the engine's attention, pages and sampler are CPU code; use auto or cpu (the learner runs on CUDA: learner.device)"
        : ComputeDevice.WhyNot(setting);

    /// <summary>Loads a model off the caller's thread and starts the engine.</summary>
    /// <param name="modelFolder">A Hugging Face folder.</param>
    /// <param name="options">The engine.</param>
    /// <param name="time">Clock of deadlines.</param>
    /// <param name="logger">Where to say what happens.</param>
    /// <param name="layouts">Where measured thread layouts are stored, for <c>engine.workers=0</c>; null: nothing is measured, a worker a core up to four.</param>
    /// <param name="cancellationToken">Gives up the start.</param>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    /// <exception cref="InvalidDataException">The weights do not fit config.json.</exception>
    /// <exception cref="NotSupportedException">The architecture or the engine's device is not supported.</exception>
    public static async Task<PolicyEngine> StartAsync(string modelFolder, EngineOptions options, TimeProvider time, ILogger<PolicyEngine> logger, ThreadLayoutStore? layouts = null, CancellationToken cancellationToken = default)
    {
        if (WhyNot(options.Device) is { } why)
        {
            throw new NotSupportedException($"engine.device: '{options.Device}' {why}");
        }

        var decoder = await OnOwnThread(() => Decoder.Load(modelFolder, ComputeDevice.Cpu), cancellationToken);
        var threads = await OnOwnThread(() => ThreadLayouts.For(decoder, options, layouts, logger), CancellationToken.None);
        var engine = new PolicyEngine(decoder, modelFolder, options, threads, time, logger);
        new Thread(engine.Run) { IsBackground = true, Name = "axpo-engine-0" }.Start();
        return engine;
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The request cannot mean anything: the message names the field and the value.</exception>
    public async Task<GenerateResult> GenerateAsync(GenerateRequest request, CancellationToken cancellationToken)
    {
        RequestCheck.Throw(request, _config.VocabSize);
        if (cancellationToken.IsCancellationRequested)
        {
            return new GenerateResult { Status = GenerateStatus.Cancelled, Error = $"session '{request.Session}': the caller had cancelled before the request was queued" };
        }

        if (request.Deadline is { } deadline && deadline <= _time.GetUtcNow())
        {
            return new GenerateResult { Status = GenerateStatus.Cancelled, Error = string.Create(CultureInfo.InvariantCulture, $"session '{request.Session}': Deadline {deadline:O} had passed before the request was queued") };
        }

        if (_counters.Fatal is { } fatal)
        {
            return new GenerateResult { Status = GenerateStatus.Fault, Error = fatal };
        }

        if (Interlocked.Increment(ref _queued) > _options.MaxQueue)
        {
            Interlocked.Decrement(ref _queued);
            return new GenerateResult { Status = GenerateStatus.Busy, Error = string.Create(CultureInfo.InvariantCulture, $"{_options.MaxQueue} sequences wait already (engine.maxQueue)") };
        }

        var sequence = new Sequence(request);
        if (!Post(new EngineCommand.Generate(sequence)))
        {
            Interlocked.Decrement(ref _queued);
            return new GenerateResult { Status = GenerateStatus.Cancelled, Error = "the engine is stopping" };
        }

        await using var registration = cancellationToken.UnsafeRegister(static s => ((Sequence)s!).Cancel(), sequence);
        return await sequence.Result;
    }

    /// <inheritdoc/>
    public void Release(string sessionPrefix) => Post(new EngineCommand.Release(sessionPrefix));

    /// <inheritdoc/>
    /// <exception cref="InvalidDataException">The weights are damaged, of another shape, or not those of <see cref="WeightsVersion.Sha256"/>.</exception>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    public async Task<bool> PublishAsync(WeightsVersion version, CancellationToken cancellationToken)
    {
        await _publishing.WaitAsync(cancellationToken);
        try
        {
            if ((version.Fence, version.Step).CompareTo((_published.Fence, _published.Step)) <= 0)
            {
                return false;
            }

            var decoder = await OnOwnThread(() => Load(version), cancellationToken);
            var done = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
            if (!Post(new EngineCommand.Swap(decoder, version, done)))
            {
                decoder.Dispose();
                return false;
            }

            // From here on the swap happens: waiting may be given up, the version is taken all the same.
            var before = _published;
            Volatile.Write(ref _published, version);
            var taken = await done.Task.WaitAsync(cancellationToken);
            if (!taken)
            {
                Volatile.Write(ref _published, before);
            }

            return taken;
        }
        finally
        {
            _publishing.Release();
        }
    }

    /// <summary>Ends the threads after the token they are at; everything pending is answered as Cancelled.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _loop.Stop();
            Post(new EngineCommand.Wake());
            _commands.CompleteAdding();
        }

        await _ended.Task;
    }

    private static Task<T> OnOwnThread<T>(Func<T> work, CancellationToken cancellationToken) =>
        Task.Factory.StartNew(work, cancellationToken, TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach, TaskScheduler.Default);

    private void Run()
    {
        try
        {
            _loop.Run();
        }
        catch (Exception e)
        {
            _counters.Fatal = $"the engine's thread ended: {e.GetType().Name}: {e.Message}; restart the process";
        }
        finally
        {
            // Whatever came in between answers itself.
            _commands.CompleteAdding();
            while (_commands.TryTake(out var command))
            {
                (command as EngineCommand.Generate)?.Sequence.Complete(GenerateStatus.Cancelled, error: "the engine is stopping");
                (command as EngineCommand.Swap)?.Done.TrySetResult(false);
            }

            _ended.TrySetResult();
        }
    }

    private bool Post(EngineCommand command)
    {
        try
        {
            return _commands.TryAdd(command);
        }
        catch (InvalidOperationException)
        {
            // Adding is complete: the engine is stopping.
            return false;
        }
    }

    /// <summary>Reads the weights of now once more. Those that the engine started with have no announced hash.</summary>
    private Decoder Reload(WeightsVersion version) => OnOwnThread(() => version.Sha256.Length == 0 ? Decoder.Load(version.Folder, ComputeDevice.Cpu) : Load(version), CancellationToken.None).GetAwaiter().GetResult();

    private Decoder Load(WeightsVersion version)
    {
        using (var file = File.OpenRead(ModelWeights.Files(version.Folder)[0]))
        {
            var hash = Convert.ToHexStringLower(SHA256.HashData(file));
            if (!string.Equals(hash, version.Sha256, StringComparison.OrdinalIgnoreCase))
            {
                throw new InvalidDataException($"weights {version.Fence}.{version.Step}: {file.Name} has sha256 {hash}, announced was {version.Sha256}; the file is not the one that was committed");
            }
        }

        var decoder = Decoder.Load(version.Folder, ComputeDevice.Cpu);
        if (decoder.Config with { MaxPositions = _config.MaxPositions, BosTokenId = _config.BosTokenId, EosTokenId = _config.EosTokenId } != _config)
        {
            decoder.Dispose();
            throw new InvalidDataException($"weights {version.Fence}.{version.Step}: '{version.Folder}' has another shape than the model that the engine started with");
        }

        return decoder;
    }
}
