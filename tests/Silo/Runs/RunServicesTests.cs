using Axpo.Core;
using Axpo.Environments.Suites;
using Axpo.Grains.Abstractions;
using Axpo.Silo.Runs;
using Axpo.Silo.Storage;
using Axpo.Testing;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Runs;

public sealed class RunServicesTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Retired_checkpoints_are_gone_whatever_their_fence_and_everything_else_stays()
    {
        var folders = new RunFolders(_folder.Path);
        await using var services = Services(folders);
        foreach (var (step, fence) in new[] { (1, 1), (2, 1), (2, 2), (3, 2) })
        {
            var folder = services.CheckpointFolder("r", step, fence);
            Directory.CreateDirectory(folder);
            await File.WriteAllTextAsync(Path.Combine(folder, "model.safetensors"), "x", TestContext.Current.CancellationToken);
        }

        Directory.CreateDirectory(Path.Combine(folders.Checkpoints("r"), "mine"));
        await services.RetireCheckpointsAsync("r", 2);
        Directory.GetDirectories(folders.Checkpoints("r")).Select(Path.GetFileName).ShouldBe(["mine", "step-000003-fence-2"], ignoreOrder: true);
    }

    [Fact]
    public async Task A_run_without_checkpoints_has_nothing_to_retire()
    {
        var folders = new RunFolders(_folder.Path);
        await using var services = Services(folders);
        await services.RetireCheckpointsAsync("r", 5);
        Directory.Exists(folders.Checkpoints("r")).ShouldBeFalse();
    }

    [Theory]
    [InlineData(0, 4)]
    [InlineData(2, 12)]
    public async Task Dynamic_sampling_has_spare_questions_behind_the_batch_in_training_alone(int rounds, int expected)
    {
        var folders = new RunFolders(_folder.Path);
        foreach (var (name, own) in new[] { ("plain", 0), ("dynamic", rounds) })
        {
            var configuration = new RunConfiguration { Rollouts = new RolloutOptions { Questions = 4, DynamicSampling = own }, Evaluation = new EvaluationOptions { Questions = 5 } };
            await new RunManifests(folders).CreateAsync(
                new RunManifest { Name = name, Kind = RunKind.Train, Created = DateTimeOffset.UnixEpoch, ModelSha256 = "", Configuration = configuration }, TestContext.Current.CancellationToken);
        }

        await using var services = new RunServices(new RunManifests(folders), folders, new NoParts(), new SuiteCatalog([new MentalArithmetic()], [], []), [], []);
        var batch = await IdsAsync("plain", Phase.Train);
        var drawn = await IdsAsync("dynamic", Phase.Train);
        drawn.Length.ShouldBe(expected);
        drawn[..4].ShouldBe(batch);
        (await IdsAsync("dynamic", Phase.Eval)).ShouldBe(await IdsAsync("plain", Phase.Eval));

        async Task<string[]> IdsAsync(string run, Phase phase) => [.. (await services.QuestionsAsync(run, phase, 3, TestContext.Current.CancellationToken)).Select(q => q.Id)];
    }

    [Fact]
    public async Task What_could_not_be_loaded_is_loaded_when_it_is_asked_for_again()
    {
        var folders = new RunFolders(_folder.Path);
        var manifests = new RunManifests(folders);
        var parts = new FlakyParts();
        await using var services = new RunServices(manifests, folders, parts, new SuiteCatalog([new MentalArithmetic()], [], []), [], []);
        await Should.ThrowAsync<KeyNotFoundException>(services.ConfigurationAsync("r", TestContext.Current.CancellationToken).AsTask());
        await manifests.CreateAsync(
            new RunManifest
            {
                Name = "r",
                Kind = RunKind.Train,
                Created = DateTimeOffset.UnixEpoch,
                ModelSha256 = "00",
                Configuration = new RunConfiguration(),
            },
            TestContext.Current.CancellationToken);
        (await services.ConfigurationAsync("r", TestContext.Current.CancellationToken)).ShouldNotBeNull();

        (await Should.ThrowAsync<IOException>(services.LearnerAsync("r", TestContext.Current.CancellationToken).AsTask())).Message.ShouldBe("storage is away");
        var learner = await services.LearnerAsync("r", TestContext.Current.CancellationToken);
        (await services.LearnerAsync("r", TestContext.Current.CancellationToken)).ShouldBeSameAs(learner);
        parts.Started.ShouldBe(2);
    }

    private static RunServices Services(RunFolders folders) => new(new RunManifests(folders), folders, new NoParts(), new SuiteCatalog([], [], []), [], []);

    /// <summary>A learner that starts the second time.</summary>
    private sealed class FlakyParts : IRunPartsFactory
    {
        public int Started { get; private set; }

        public Task<IPolicyEngine> StartEngineAsync(RunConfiguration configuration, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<ILearner> StartLearnerAsync(RunConfiguration configuration, CancellationToken cancellationToken) =>
            ++Started == 1 ? throw new IOException("storage is away") : Task.FromResult<ILearner>(new FakeLearner());

        public IChatFormat LoadChat(RunConfiguration configuration) => throw new NotSupportedException();
    }

    /// <summary>Nothing of a policy is asked for here.</summary>
    private sealed class NoParts : IRunPartsFactory
    {
        public Task<IPolicyEngine> StartEngineAsync(RunConfiguration configuration, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<ILearner> StartLearnerAsync(RunConfiguration configuration, CancellationToken cancellationToken) => throw new NotSupportedException();

        public IChatFormat LoadChat(RunConfiguration configuration) => throw new NotSupportedException();
    }
}
