using System.Collections.Concurrent;
using System.Globalization;

namespace Axpo.Testing;

/// <summary>The parts of runs as the test made them; one instance serves every silo of a cluster.</summary>
public sealed class ScriptedRunServices : IRunServices
{
    private readonly ConcurrentQueue<string> _released = new();

    /// <summary>Configuration of every run.</summary>
    public RunConfiguration Configuration { get; set; } = new();

    /// <summary>Engine of every run.</summary>
    public required IPolicyEngine Engine { get; set; }

    /// <summary>Learner of every run.</summary>
    public ILearner Learner { get; set; } = new FakeLearner();

    /// <summary>Chat format.</summary>
    public IChatFormat Chat { get; set; } = new ScriptedChatFormat();

    /// <summary>Questions of a phase and step.</summary>
    public required Func<Phase, int, IReadOnlyList<Question>> Questions { get; init; }

    /// <summary>Tools by name.</summary>
    public Dictionary<string, ITool> Tools { get; } = new(StringComparer.Ordinal);

    /// <summary>Verifiers by name; <c>exact</c> is there.</summary>
    public Dictionary<string, IVerifier> Verifiers { get; } = new(StringComparer.Ordinal) { ["exact"] = new ExactVerifier() };

    /// <summary>Runs whose parts were released, in order.</summary>
    public IReadOnlyCollection<string> Released => _released;

    /// <inheritdoc/>
    public ValueTask<IPolicyEngine> EngineAsync(string run, CancellationToken cancellationToken) => ValueTask.FromResult(Engine);

    /// <inheritdoc/>
    public ValueTask<ILearner> LearnerAsync(string run, CancellationToken cancellationToken) => ValueTask.FromResult(Learner);

    /// <inheritdoc/>
    public ValueTask<IChatFormat> ChatAsync(string run, CancellationToken cancellationToken) => ValueTask.FromResult(Chat);

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<Question>> QuestionsAsync(string run, Phase phase, int step, CancellationToken cancellationToken) => ValueTask.FromResult(Questions(phase, step));

    /// <summary>Images of a question; without, none is stored and each is known by its name.</summary>
    public Func<Question, IReadOnlyList<ImageRef>> Images { get; init; } = question => [.. question.Images.Select(source => new ImageRef(source, source, 8, 8))];

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<ImageRef>> ImagesAsync(string run, Question question, CancellationToken cancellationToken) => ValueTask.FromResult(Images(question));

    /// <inheritdoc/>
    public ITool? Tool(string name) => Tools.GetValueOrDefault(name);

    /// <inheritdoc/>
    public IVerifier Verifier(string name) => Verifiers.TryGetValue(name, out var verifier) ? verifier : throw new KeyNotFoundException($"there is no verifier '{name}'");

    /// <inheritdoc/>
    public ValueTask<RunConfiguration> ConfigurationAsync(string run, CancellationToken cancellationToken) => ValueTask.FromResult(Configuration);

    /// <inheritdoc/>
    public string CheckpointFolder(string run, int step, long fence) => string.Create(CultureInfo.InvariantCulture, $"{run}/step-{step}-fence-{fence}");

    /// <summary>Steps through which checkpoints were retired, in order.</summary>
    public ConcurrentQueue<int> Retired { get; } = new();

    /// <inheritdoc/>
    public ValueTask RetireCheckpointsAsync(string run, int throughStep)
    {
        Retired.Enqueue(throughStep);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask ReleaseAsync(string run)
    {
        _released.Enqueue(run);
        return ValueTask.CompletedTask;
    }

    private sealed class ExactVerifier : IVerifier
    {
        public string Name => "exact";

        public ValueTask<Verdict> VerifyAsync(Question question, string answer, CancellationToken cancellationToken) =>
            ValueTask.FromResult(answer == question.Answer ? Verdict.Correct : Verdict.Wrong);
    }
}
