using Axpo.Environments.Questions;
using Axpo.Silo.Hosting;
using Axpo.Silo.Runs;
using Axpo.Silo.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Axpo.Client.Episodes;

/// <summary>Stored episodes of a run with their questions; reads files only, beside a process that may host the run.</summary>
internal sealed class EpisodeSource : IAsyncDisposable
{
    private readonly ServiceProvider _services;
    private readonly FileTrajectoryStore _store;
    private readonly CommandContext _context;
    private bool _questionsAreGone;

    private EpisodeSource(CommandContext context, RunManifest manifest)
    {
        _context = context;
        Manifest = manifest;
        _store = new FileTrajectoryStore(context.Folders, readOnly: true);
        _services = new ServiceCollection()
            .AddAxpoTools(manifest.Configuration.Tools)
            .AddLogging()
            .AddSingleton(context.Time)
            .AddSingleton(context.Folders)
            .AddSingleton<RunManifests>()
            .AddSingleton<IRunPartsFactory, TrainingParts>()
            .AddSingleton<RunServices>()
            .BuildServiceProvider();
    }

    /// <summary>What the run was asked to do.</summary>
    public RunManifest Manifest { get; }

    /// <summary>Opens a run.</summary>
    /// <exception cref="KeyNotFoundException">There is no such run.</exception>
    public static async Task<EpisodeSource> OpenAsync(CommandContext context, string run, CancellationToken cancellationToken) =>
        new(context, await new RunManifests(context.Folders).ReadAsync(run, cancellationToken));

    /// <summary>Stored rollouts, in order of ids.</summary>
    public IAsyncEnumerable<Rollout> ListAsync(Phase? phase, int? step, CancellationToken cancellationToken) => _store.ListAsync(Manifest.Name, phase, step, cancellationToken);

    /// <summary>A stored rollout.</summary>
    /// <exception cref="KeyNotFoundException">It is not stored.</exception>
    public async Task<Rollout> ReadAsync(EpisodeId id, CancellationToken cancellationToken)
    {
        try
        {
            return (await _store.GetAsync([id], cancellationToken))[0];
        }
        catch (KeyNotFoundException e)
        {
            throw new KeyNotFoundException($"episode: '{id}' is not stored; see axpo episodes list {Manifest.Name} --phase {EpisodeId.Name(id.Phase)} --step {id.Step}", e);
        }
    }

    /// <summary>The question of a rollout, drawn again; null if it is another one by now (a question file that was changed).</summary>
    public async Task<Question?> QuestionAsync(Rollout rollout, CancellationToken cancellationToken)
    {
        var questions = await QuestionsAsync(rollout.Id.Phase, rollout.Id.Step, cancellationToken);
        return questions.ElementAtOrDefault(rollout.Id.Question) is { } question && question.Id == rollout.QuestionId ? question : null;
    }

    /// <summary>The questions of a phase and step, drawn again; none if they cannot be any more (a question file that is gone), which is said once.</summary>
    public async ValueTask<IReadOnlyList<Question>> QuestionsAsync(Phase phase, int step, CancellationToken cancellationToken)
    {
        if (_questionsAreGone)
        {
            return [];
        }

        try
        {
            return await _services.GetRequiredService<RunServices>().QuestionsAsync(Manifest.Name, phase, step, cancellationToken);
        }
        catch (Exception e) when (e is IOException or KeyNotFoundException or InvalidDataException or ArgumentException or QuestionFileException)
        {
            _questionsAreGone = true;
            _context.Error.WriteLine($"axpo: the questions of run '{Manifest.Name}' cannot be read, so their answers are not shown: {e.Message}");
            return [];
        }
    }

    /// <summary>The chat format of the run's policy.</summary>
    /// <param name="model">A model folder in place of the run's own; null: that one.</param>
    /// <exception cref="PreflightException">The folder is gone or holds no tokenizer.</exception>
    public IChatFormat Chat(string? model)
    {
        var configuration = model is null ? Manifest.Configuration : Manifest.Configuration with { Model = model };
        try
        {
            return _services.GetRequiredService<IRunPartsFactory>().LoadChat(configuration);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or NotSupportedException or System.Text.Json.JsonException)
        {
            throw new PreflightException([new Problem("--model", configuration.Model, $"the tokenizer that the episodes need cannot be read ({e.Message}); say where the model is, with --model FOLDER")]);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _store.DisposeAsync();
        await _services.DisposeAsync();
    }
}
