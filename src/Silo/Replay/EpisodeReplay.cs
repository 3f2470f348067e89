using System.Text.Json;
using Axpo.Grains.Abstractions;
using Axpo.Silo.Hosting;
using Axpo.Silo.Runs;
using Axpo.Silo.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Axpo.Silo.Replay;

/// <summary>
/// Runs a stored episode again: the same grain with the same id and request, on a silo of its own in a folder that is gone afterwards. Chance is keyed on what the id says, so with the
/// weights that sampled it the same tokens come again; tools are called for real. The run's folder is only read: another process may host the run meanwhile.
/// </summary>
/// <param name="folders">Where the run is.</param>
/// <param name="configureServices">A user's own tools, suites and verifiers.</param>
public sealed class EpisodeReplay(RunFolders folders, Action<IServiceCollection>? configureServices)
{
    /// <summary>Replays an episode and compares.</summary>
    /// <param name="manifest">Its run.</param>
    /// <param name="stored">The stored rollout.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="PreflightException">It cannot be replayed: it is Void, its weights or its question are gone, or the machine lacks a tool.</exception>
    public async Task<ReplayResult> RunAsync(RunManifest manifest, Rollout stored, CancellationToken cancellationToken)
    {
        if (stored.Outcome == Outcome.Void)
        {
            throw Problem("ID", stored.Id.ToString(), $"is Void ({Name(stored.Cause)}: {stored.Detail}): infrastructure cut it off, so there is nothing to compare");
        }

        var weights = await StoredWeights.OfAsync(folders, manifest, stored, cancellationToken);
        await CheckQuestionsAsync(manifest, cancellationToken);
        var prefix = await PrefixAsync(stored.Id, cancellationToken);
        var aside = Directory.CreateTempSubdirectory("axpo-replay-");
        try
        {
            var own = new RunFolders(aside.FullName);
            await CopyImagesAsync(own, prefix, cancellationToken);
            if (await Preflight.CheckAsync(manifest.Configuration, own, null, configureServices, PreflightHost.Of(RunKind.Rollout, isHere: true), cancellationToken) is { Count: > 0 } problems)
            {
                throw new PreflightException(problems);
            }

            await new RunManifests(own).CreateAsync(manifest, cancellationToken);
            CopyTrainerState(own, manifest.Name);
            await using var host = await AxpoHost.StartAsync(
                new AxpoHostOptions
                {
                    RunsFolder = own.Root,
                    Tools = manifest.Configuration.Tools,
                    ConfigureServices = configureServices,
                },
                cancellationToken);
            await CheckCommittedAsync(host, manifest, weights);
            var replayed = await PlayAsync(host, manifest, stored, prefix, weights, cancellationToken);
            var isDeterministic = manifest.Configuration.Engine.Deterministic;
            var difference = RolloutComparison.First(stored, replayed, isDeterministic ? 0 : ReplayResult.Tolerance);
            var chat = await host.Services.GetRequiredService<IRunServices>().ChatAsync(manifest.Name, cancellationToken);
            return new ReplayResult(
                stored.Id,
                stored.Tokens.Length,
                stored.Calls.Length,
                isDeterministic,
                weights?.Step ?? 0,
                weights?.Folder ?? manifest.Configuration.Model,
                difference,
                difference is { Position: { } position } ? ReplayText.Around(position, stored, replayed, chat) : null);
        }
        finally
        {
            aside.Delete(recursive: true);
        }
    }

    private async Task<Rollout> PlayAsync(AxpoHost host, RunManifest manifest, Rollout stored, Rollout? prefix, WeightsVersion? weights, CancellationToken cancellationToken)
    {
        var id = stored.Id;
        var store = host.Services.GetRequiredService<ITrajectoryStore>();
        if (prefix is not null)
        {
            await store.PutAsync(prefix, cancellationToken);
        }

        var questions = await host.Services.GetRequiredService<IRunServices>().QuestionsAsync(id.Run, id.Phase, id.Step, cancellationToken);
        if (questions.ElementAtOrDefault(id.Question) is not { } question || question.Id != stored.QuestionId)
        {
            throw Problem("ID", id.ToString(), $"asked question '{stored.QuestionId}' of suite '{stored.Suite}', which is not drawn any more; its suite has changed since");
        }

        var request = new EpisodeRequest
        {
            Question = question,
            Sampling = SamplingOptions.Of(id.Phase, manifest.Configuration, manifest.Request?.Sampling),
            Weights = weights,
        };
        var episode = host.Grains.GetGrain<IEpisodeGrain>(id.ToString());
        var pending = await episode.StartAsync(request);
        while (pending.State == OperationState.Running)
        {
            pending = await episode.WaitAsync(Waiting.Longest).WaitAsync(cancellationToken);
        }

        if (pending.Result is not { } summary)
        {
            throw new InvalidOperationException($"the replay of {id} was lost: {pending.Error ?? "no reason given"}");
        }

        return summary.Outcome == Outcome.Void
            ? throw new PreflightException([new Problem("ID", id.ToString(), $"could not be replayed here ({Name(summary.Cause)}: {summary.Detail})", IsEnvironment: true)])
            : (await store.GetAsync([id], cancellationToken))[0];
    }

    /// <summary>What a continuation goes on from; null: it is none.</summary>
    private async Task<Rollout?> PrefixAsync(EpisodeId id, CancellationToken cancellationToken)
    {
        if (id.Parent is not { } parent)
        {
            return null;
        }

        await using var source = new FileTrajectoryStore(folders, readOnly: true);
        return (await source.GetAsync([parent], cancellationToken))[0];
    }

    /// <summary>The images that a continuation inherits; those that it sees itself are drawn and cut again.</summary>
    private async Task CopyImagesAsync(RunFolders own, Rollout? prefix, CancellationToken cancellationToken)
    {
        var images = new FileImageStore(own);
        foreach (var placed in prefix?.Images ?? [])
        {
            try
            {
                await images.CopyFromAsync(folders, placed.Image, cancellationToken);
            }
            catch (Exception e) when (e is KeyNotFoundException or InvalidDataException or ArgumentException)
            {
                throw Problem("ID", prefix!.Id.ToString(), $"saw an image that cannot be read any more: {e.Message}");
            }
        }
    }

    private static async Task CheckQuestionsAsync(RunManifest manifest, CancellationToken cancellationToken)
    {
        if (manifest is { QuestionsSha256: { } asked, Configuration.Tasks.Questions: { } file } && (!File.Exists(file) || await FileHashes.OfAsync([file], cancellationToken) != asked))
        {
            throw Problem("tasks.questions", file, $"is gone or has changed since run '{manifest.Name}' began; put the original file back");
        }
    }

    /// <summary>What the trainer has committed, so that its grain on the replay's silo can say which weights those are.</summary>
    private void CopyTrainerState(RunFolders own, string run)
    {
        var state = new FileInfo(Path.Combine(folders.State(run), "trainer.state"));
        if (state.Exists)
        {
            Directory.CreateDirectory(own.State(run));
            state.CopyTo(Path.Combine(own.State(run), state.Name));
        }
    }

    /// <summary>The hash of the newest committed weights is known: a damaged file is told apart from a difference.</summary>
    private static async Task CheckCommittedAsync(AxpoHost host, RunManifest manifest, WeightsVersion? weights)
    {
        var trainer = await host.Grains.GetGrain<ITrainerGrain>(manifest.Name).StatusAsync();
        if (weights is not null && trainer.Weights is { } committed && committed.Step == weights.Step && committed.Sha256 != weights.Sha256)
        {
            throw Problem("ID", manifest.Name, $"{weights.Folder} holds other weights than those that were committed (sha256 {weights.Sha256}, committed was {committed.Sha256})");
        }
    }

    private static string Name(VoidCause cause) => JsonNamingPolicy.KebabCaseLower.ConvertName(cause.ToString());

    private static PreflightException Problem(string field, string value, string remedy) => new([new Problem(field, value, remedy)]);
}
