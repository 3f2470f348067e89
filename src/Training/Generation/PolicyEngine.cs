using System.Collections.Concurrent;
using System.Globalization;
using Axpo.Core;
using Axpo.Training.Devices;
using Axpo.Training.Models;
using Axpo.Training.Models.Vision;
using Axpo.Training.Pictures;
using Axpo.Training.Safetensors;
using Microsoft.Extensions.Logging;
using TorchSharp;

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
    private readonly torch.Device _device;
    private readonly bool _onTensors;
    private readonly EngineLoop _loop;
    private readonly PictureReader? _pictures;
    private readonly PictureKeys _keys = new();
    private readonly SemaphoreSlim _publishing = new(1, 1);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private WeightsVersion _published;
    private int _queued;
    private int _disposed;

    private PolicyEngine(Decoder decoder, string folder, EngineOptions options, ThreadLayout? threads, PictureReader? pictures, TimeProvider time, ILogger logger)
    {
        (_options, _time, _pictures) = (options, time, pictures);
        _config = decoder.Config;
        _onTensors = threads is null;
        _published = new WeightsVersion(0, 0, folder, "");
        MaxContext = options.MaxContext > 0 ? Math.Min(options.MaxContext, _config.MaxPositions) : _config.MaxPositions;
        var (layout, kvBytes) = (new KvLayout(_config), (long)options.KvMebibytes << 20);
        IEngineCompute compute = threads is null ? new TensorCompute(_config, layout, kvBytes, decoder.Device) : new HostCompute(decoder, layout, kvBytes, threads, options.Deterministic);
        _device = compute.Device;
        _counters.Workers = compute.Threads.Workers;
        _loop = new EngineLoop(decoder, _published, options, compute, MaxContext, _commands, _counters, time, logger, change => Interlocked.Add(ref _queued, change), Reload, pictures);
        EngineLog.Started(logger, folder, _device.ToString(), compute.Threads.Workers, compute.Threads.RowsOfAWorker, _loop.Pages, layout.PageBytes >> 10, MaxContext, options.Deterministic);
    }

    /// <inheritdoc/>
    public EngineStatus Status => _counters.Read(Math.Max(0, Volatile.Read(ref _queued)));

    /// <inheritdoc/>
    public int MaxContext { get; }

    /// <summary>The version that samples now, or will from the next token on.</summary>
    public WeightsVersion Published => Volatile.Read(ref _published);

    /// <summary>The engine's loop; for tests.</summary>
    internal EngineLoop Loop => _loop;

    /// <summary>Why <c>engine.device</c> cannot be had beside the other options, and what to do; null if it can. In deterministic mode <c>auto</c> is the processor.</summary>
    /// <param name="options">The engine.</param>
    public static string? WhyNotTogether(EngineOptions options) => options.Deterministic && ComputeDevice.AsksForCuda(options.Device)
        ? "cannot be had with engine.deterministic=true: on CUDA a token's bits depend on who else is live; use auto or cpu"
        : null;

    /// <summary><c>engine.device</c>, with what the other options make of it.</summary>
    /// <param name="options">The engine.</param>
    public static string DeviceSetting(EngineOptions options) => options.Deterministic && options.Device == ComputeDevice.Auto ? ComputeDevice.Processor : options.Device;

    /// <summary>Loads a model off the caller's thread and starts the engine.</summary>
    /// <param name="modelFolder">A Hugging Face folder.</param>
    /// <param name="options">The engine.</param>
    /// <param name="time">Clock of deadlines.</param>
    /// <param name="logger">Where to say what happens.</param>
    /// <param name="layouts">Where measured thread layouts are stored, for <c>engine.workers=0</c>; null: nothing is measured, a worker a core up to four.</param>
    /// <param name="images">Where the images of requests are; null: none are taken.</param>
    /// <param name="cancellationToken">Gives up the start.</param>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    /// <exception cref="InvalidDataException">The weights do not fit config.json.</exception>
    /// <exception cref="NotSupportedException">The architecture or the engine's device is not supported, or the device is not there.</exception>
    /// <exception cref="InvalidOperationException">There is no room for engine.kvMebibytes.</exception>
    public static async Task<PolicyEngine> StartAsync(string modelFolder, EngineOptions options, TimeProvider time, ILogger<PolicyEngine> logger, ThreadLayoutStore? layouts = null, IImageStore? images = null, CancellationToken cancellationToken = default)
    {
        var device = await OnOwnThread(() => DeviceOf(options), cancellationToken);
        return await StartAsync(modelFolder, options, device, onTensors: !ComputeDevice.IsHost(device), time, logger, layouts, images, cancellationToken);
    }

    /// <summary>As the public one, on a device that was chosen; with tensors for pages, which run on any, or with what is made for the processor.</summary>
    internal static async Task<PolicyEngine> StartAsync(string modelFolder, EngineOptions options, torch.Device device, bool onTensors, TimeProvider time, ILogger logger, ThreadLayoutStore? layouts, IImageStore? images, CancellationToken cancellationToken)
    {
        var engine = await OnOwnThread(Start, cancellationToken);
        new Thread(engine.Run) { IsBackground = true, Name = "axpo-engine-0" }.Start();
        return engine;

        PolicyEngine Start()
        {
            var decoder = Open(modelFolder, device, onTensors);
            try
            {
                return new PolicyEngine(decoder, modelFolder, options, onTensors ? null : ThreadLayouts.For(decoder, options, layouts, logger), PictureReader.Of(modelFolder, images, EngineLoop.ImageBytes(options) / 2), time, logger);
            }
            catch
            {
                decoder.Dispose();
                throw;
            }
        }
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The request cannot mean anything: the message names the field and the value.</exception>
    public async Task<GenerateResult> GenerateAsync(GenerateRequest request, CancellationToken cancellationToken)
    {
        RequestCheck.Throw(request, _config);
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

        Sequence sequence;
        try
        {
            sequence = await SequenceAsync(request, cancellationToken);
        }
        catch (Exception e)
        {
            Interlocked.Decrement(ref _queued);
            if (e is ArgumentException)
            {
                throw;
            }

            return e is OperationCanceledException
                ? new GenerateResult { Status = GenerateStatus.Cancelled, Error = $"session '{request.Session}': the caller cancelled while its images were read" }
                : new GenerateResult { Status = GenerateStatus.Fault, Error = $"session '{request.Session}': an image could not be read: {e.Message}" };
        }

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

    /// <summary>The sequence of a request; its images are read, decoded and cut by now.</summary>
    private async Task<Sequence> SequenceAsync(GenerateRequest request, CancellationToken cancellationToken)
    {
        if (request.Images.Length == 0)
        {
            return new Sequence(request);
        }

        var reader = _pictures ?? throw new InvalidOperationException("the engine was started without a store of images");
        var grids = new List<PlacedGrid>();
        foreach (var image in request.Images)
        {
            var (rows, columns) = reader.Tokens(image.Image);
            grids.Add(RequestCheck.Placed(request, image, rows, columns));
            await reader.ReadAsync(image.Image, cancellationToken);
        }

        return new Sequence(request with { Tokens = _keys.Of(request.Tokens, request.Images, request.Offset) }, grids);
    }

    /// <summary>The weights as the engine reads them.</summary>
    private static Decoder Open(string folder, torch.Device device, bool onTensors) => onTensors ? Decoder.Load(folder, device) : Decoder.LoadPacked(folder);

    private static torch.Device DeviceOf(EngineOptions options)
    {
        if (WhyNotTogether(options) is { } why)
        {
            throw new NotSupportedException($"engine.device: '{options.Device}' {why}");
        }

        return ComputeDevice.Resolve(DeviceSetting(options), "engine.device");
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
    private Decoder Reload(WeightsVersion version) => OnOwnThread(() => version.Sha256.Length == 0 ? Open(version.Folder, _device, _onTensors) : Load(version), CancellationToken.None).GetAwaiter().GetResult();

    private Decoder Load(WeightsVersion version)
    {
        var hash = ModelWeights.Sha256(version.Folder);
        if (!string.Equals(hash, version.Sha256, StringComparison.OrdinalIgnoreCase))
        {
            throw new InvalidDataException($"weights {version.Fence}.{version.Step}: those in '{version.Folder}' have sha256 {hash}, announced was {version.Sha256}; they are not the ones that were committed");
        }

        var decoder = Open(version.Folder, _device, _onTensors);
        if (!decoder.Config.IsAlike(_config))
        {
            decoder.Dispose();
            throw new InvalidDataException($"weights {version.Fence}.{version.Step}: '{version.Folder}' has another shape than the model that the engine started with");
        }

        return decoder;
    }
}
