using System.Collections.Concurrent;
using System.Globalization;
using Axpo.Silo.Storage;

namespace Axpo.Silo.Runs;

/// <summary>Starts the parts of a run that own threads and devices. Implemented over Training; tests put doubles in its place.</summary>
public interface IRunPartsFactory
{
    /// <summary>Starts an engine with the weights of a model folder as step 0.</summary>
    Task<IPolicyEngine> StartEngineAsync(RunConfiguration configuration, CancellationToken cancellationToken);

    /// <summary>Starts a learner with the weights of a model folder as step 0; the same folder is the reference policy.</summary>
    Task<ILearner> StartLearnerAsync(RunConfiguration configuration, CancellationToken cancellationToken);

    /// <summary>Reads the chat format of a model folder.</summary>
    IChatFormat LoadChat(RunConfiguration configuration);
}

/// <summary>The parts of the runs that live on this silo, one of each a run, started on first use.</summary>
public sealed class RunServices(
    RunManifests manifests,
    RunFolders folders,
    IRunPartsFactory parts,
    SuiteCatalog suites,
    IEnumerable<ITool> tools,
    IEnumerable<IVerifier> verifiers,
    IQuestionImages? questionImages = null,
    IImageStore? images = null) : IRunServices, IAsyncDisposable
{
    // Images of questions whose files are stored: a run's questions come back in evaluations.
    private const int RememberedImages = 4096;

    private readonly ConcurrentDictionary<string, Part<Run>> _runs = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ITool> _tools = tools.ToDictionary(t => t.Spec.Name, StringComparer.Ordinal);
    private readonly Dictionary<string, IVerifier> _verifiers = verifiers.ToDictionary(v => v.Name, StringComparer.Ordinal);

    /// <inheritdoc/>
    public async ValueTask<IPolicyEngine> EngineAsync(string run, CancellationToken cancellationToken) =>
        await (await RunAsync(run)).Engine.GetAsync().WaitAsync(cancellationToken);

    /// <summary>Engines on this silo that have given themselves up: the run, and why.</summary>
    public async Task<IReadOnlyList<(string Run, string Why)>> UnhealthyEnginesAsync()
    {
        var unhealthy = new List<(string, string)>();
        foreach (var (name, part) in _runs.OrderBy(r => r.Key, StringComparer.Ordinal))
        {
            if (part.Made is { } run && (await run).Engine.Made is { } engine && (await engine).Status is { Healthy: false } status)
            {
                unhealthy.Add((name, status.Error ?? "no reason was given"));
            }
        }

        return unhealthy;
    }

    /// <inheritdoc/>
    public async ValueTask<ILearner> LearnerAsync(string run, CancellationToken cancellationToken) =>
        await (await RunAsync(run)).Learner.GetAsync().WaitAsync(cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<IChatFormat> ChatAsync(string run, CancellationToken cancellationToken) =>
        await (await RunAsync(run)).Chat.GetAsync().WaitAsync(cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<Question>> QuestionsAsync(string run, Phase phase, int step, CancellationToken cancellationToken)
    {
        var state = await RunAsync(run);
        return await state.Questions.GetOrAdd((phase is Phase.EvalT1 ? Phase.Eval : phase, step), key => new Part<IReadOnlyList<Question>>(() => Task.Run(() => Draw(state, key.Phase, key.Step)))).GetAsync();
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<ImageRef>> ImagesAsync(string run, Question question, CancellationToken cancellationToken)
    {
        if (question.Images.Length == 0)
        {
            return [];
        }

        var stored = (await RunAsync(run)).Images;
        if (stored.Count > RememberedImages)
        {
            stored.Clear();
        }

        // Whoever gives up waiting leaves the others theirs.
        return await Task.WhenAll(question.Images.Select(source => stored.GetOrAdd(source, s => new Part<ImageRef>(() => Task.Run(() => StoreAsync(run, s)))).GetAsync())).WaitAsync(cancellationToken);
    }

    private async Task<ImageRef> StoreAsync(string run, string source)
    {
        if (questionImages is null || images is null)
        {
            throw new InvalidOperationException($"image '{source}': this silo has no source or no store of images");
        }

        return await images.PutAsync(run, await questionImages.ReadAsync(source, CancellationToken.None), CancellationToken.None);
    }

    /// <inheritdoc/>
    public ITool? Tool(string name) => _tools.GetValueOrDefault(name);

    /// <inheritdoc/>
    public IVerifier Verifier(string name) => _verifiers.TryGetValue(name, out var verifier)
        ? verifier
        : throw new KeyNotFoundException($"verifier: there is no '{name}'; the registered ones are {string.Join(", ", _verifiers.Keys.Order(StringComparer.Ordinal))}");

    /// <inheritdoc/>
    public async ValueTask<RunConfiguration> ConfigurationAsync(string run, CancellationToken cancellationToken) => (await RunAsync(run)).Configuration;

    /// <inheritdoc/>
    public string CheckpointFolder(string run, int step, long fence) =>
        Path.Combine(folders.Checkpoints(run), RunCheckpoints.Name(step, fence));

    /// <inheritdoc/>
    public async ValueTask RetireCheckpointsAsync(string run, int throughStep) => await Task.Run(() =>
    {
        var folder = new DirectoryInfo(folders.Checkpoints(run));
        if (!folder.Exists)
        {
            return;
        }

        foreach (var checkpoint in folder.EnumerateDirectories("step-*-fence-*"))
        {
            if (int.TryParse(checkpoint.Name.Split('-')[1], NumberStyles.None, CultureInfo.InvariantCulture, out var step) && step <= throughStep)
            {
                try
                {
                    checkpoint.Delete(recursive: true);
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException)
                {
                    // Old weights that stay are no harm.
                    _ = e;
                }
            }
        }
    });

    /// <inheritdoc/>
    public async ValueTask ReleaseAsync(string run)
    {
        if (_runs.TryRemove(run, out var part))
        {
            await part.EndAsync();
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var run in _runs.Keys)
        {
            await ReleaseAsync(run);
        }
    }

    private static IReadOnlyList<Question> Draw(Run run, Phase phase, int step)
    {
        var configuration = run.Configuration;
        var (split, count) = phase switch
        {
            Phase.Eval or Phase.EvalT1 => (configuration.Evaluation.Split, HeldOut(configuration, step)),
            Phase.Rollout => (configuration.Evaluation.Split, configuration.Rollouts.Questions),
            _ => (Split.Train, configuration.Rollouts.Questions),
        };
        var spare = phase == Phase.Train ? DynamicSampling.Questions(configuration.Rollouts) - count : 0;
        return run.Source.Draw(configuration.Seed, phase, step, split, count, spare);
    }

    /// <summary>Which step is the last one under a budget of tokens only the run itself knows: it asks as many of these as it needs.</summary>
    private static int HeldOut(RunConfiguration configuration, int step) => configuration.Evaluation switch
    {
        var e when configuration.TokenBudget > 0 => Math.Max(e.FinalQuestions, e.Questions),
        var e when step == 0 || step == configuration.Steps => e.FinalQuestions,
        var e => e.Questions,
    };

    private Task<Run> RunAsync(string run) => _runs.GetOrAdd(run, name => new Part<Run>(async () =>
    {
        var manifest = await manifests.ReadAsync(name, CancellationToken.None);
        return new Run(manifest.Configuration, await suites.OpenAsync(manifest.Configuration, CancellationToken.None), parts);
    })).GetAsync();

    /// <summary>Something that is made once, on first use. A making that failed is tried again by whoever asks next: storage that was away for a moment must not end a run.</summary>
    private sealed class Part<T>(Func<Task<T>> make)
        where T : class
    {
        private readonly Lock _gate = new();
        private Task<T>? _made;

        /// <summary>What was made, without waiting; null: not yet.</summary>
        public Task<T>? Made
        {
            get
            {
                lock (_gate)
                {
                    return _made is { IsCompletedSuccessfully: true } made ? made : null;
                }
            }
        }

        public Task<T> GetAsync()
        {
            lock (_gate)
            {
                return _made is null or { IsFaulted: true } or { IsCanceled: true } ? _made = make() : _made;
            }
        }

        /// <summary>Ends what was made.</summary>
        public async ValueTask EndAsync()
        {
            Task<T>? made;
            lock (_gate)
            {
                made = _made;
            }

            if (made is null)
            {
                return;
            }

            try
            {
                switch (await made)
                {
                    case IAsyncDisposable asynchronous:
                        await asynchronous.DisposeAsync();
                        break;
                    case IDisposable disposable:
                        disposable.Dispose();
                        break;
                }
            }
            catch (Exception e) when (made.IsFaulted)
            {
                // It was never made; whoever asked for it was told so.
                _ = e;
            }
        }
    }

    private sealed class Run(RunConfiguration configuration, IQuestionSource source, IRunPartsFactory parts) : IAsyncDisposable
    {
        public RunConfiguration Configuration => configuration;

        public IQuestionSource Source => source;

        public Part<IPolicyEngine> Engine { get; } = new(() => Task.Run(() => parts.StartEngineAsync(configuration, CancellationToken.None)));

        public Part<ILearner> Learner { get; } = new(() => Task.Run(() => parts.StartLearnerAsync(configuration, CancellationToken.None)));

        public Part<IChatFormat> Chat { get; } = new(() => Task.Run(() => parts.LoadChat(configuration)));

        public ConcurrentDictionary<(Phase Phase, int Step), Part<IReadOnlyList<Question>>> Questions { get; } = new();

        /// <summary>Stored images of questions, by their sources.</summary>
        public ConcurrentDictionary<string, Part<ImageRef>> Images { get; } = new(StringComparer.Ordinal);

        public async ValueTask DisposeAsync()
        {
            await Engine.EndAsync();
            await Learner.EndAsync();
        }
    }
}
