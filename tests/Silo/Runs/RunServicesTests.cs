using System.Collections.Concurrent;
using Axpo.Core;
using Axpo.Environments.Suites;
using Axpo.Grains.Abstractions;
using Axpo.Silo.Runs;
using Axpo.Silo.Storage;
using Axpo.Silo.Tests.Storage;
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

    [Fact]
    public async Task Images_of_questions_are_read_once_for_everyone_who_asks()
    {
        await ManifestAsync("r");
        var source = new GatedImages();
        await using var services = Seeing(source);
        using var impatient = new CancellationTokenSource();
        var given = services.ImagesAsync("r", Shown("a", "b"), impatient.Token).AsTask();
        var all = Enumerable.Range(0, 8).Select(_ => services.ImagesAsync("r", Shown("a", "b"), TestContext.Current.CancellationToken).AsTask()).ToArray();
        var turned = services.ImagesAsync("r", Shown("b", "a", "b"), TestContext.Current.CancellationToken).AsTask();
        await impatient.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(given);
        source.Gate.SetResult();

        var images = await Task.WhenAll(all);
        images[0].Select(i => (i.Width, i.Height)).ShouldBe([(97, 1), (98, 1)], "in the order in which the question names them");
        images.ShouldAllBe(i => i.SequenceEqual(images[0]));
        (await turned).ShouldBe([images[0][1], images[0][0], images[0][1]]);
        (await services.ImagesAsync("r", Shown("a"), TestContext.Current.CancellationToken)).ShouldBe([images[0][0]]);
        source.Read.Order().ShouldBe(["a", "b"]);
        (await services.ImagesAsync("r", Shown(), TestContext.Current.CancellationToken)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Each_run_stores_the_images_of_its_questions()
    {
        await ManifestAsync("r");
        await ManifestAsync("s");
        var source = new GatedImages();
        source.Gate.SetResult();
        await using var services = Seeing(source);
        foreach (var run in new[] { "r", "s" })
        {
            var image = (await services.ImagesAsync(run, Shown("a"), TestContext.Current.CancellationToken)).ShouldHaveSingleItem();
            image.Uri.ShouldStartWith(run + "/");
            (await new FileImageStore(new RunFolders(_folder.Path)).ReadAsync(image, TestContext.Current.CancellationToken)).ToArray().ShouldBe(ImageFiles.Png(97, 1, 97));
        }
    }

    [Fact]
    public async Task An_image_that_could_not_be_read_is_read_again_and_the_others_are_not()
    {
        await ManifestAsync("r");
        var source = new GatedImages { Fails = 1 };
        source.Gate.SetResult();
        await using var services = Seeing(source);
        (await Should.ThrowAsync<IOException>(services.ImagesAsync("r", Shown("a"), TestContext.Current.CancellationToken).AsTask())).Message.ShouldBe("a is away");
        (await services.ImagesAsync("r", Shown("b", "a"), TestContext.Current.CancellationToken)).Count.ShouldBe(2);
        (await services.ImagesAsync("r", Shown("a", "b"), TestContext.Current.CancellationToken)).Count.ShouldBe(2);
        source.Read.Order().ShouldBe(["a", "a", "b"]);
    }

    [Fact]
    public async Task A_silo_without_images_names_the_one_that_it_was_asked_for()
    {
        await ManifestAsync("r");
        await using var services = Seeing(null);
        (await Should.ThrowAsync<InvalidOperationException>(services.ImagesAsync("r", Shown("a"), TestContext.Current.CancellationToken).AsTask())).Message.ShouldContain("'a'");
    }

    private async Task ManifestAsync(string name) => await new RunManifests(new RunFolders(_folder.Path)).CreateAsync(
        new RunManifest
        {
            Name = name,
            Kind = RunKind.Train,
            Created = DateTimeOffset.UnixEpoch,
            ModelSha256 = "00",
            Configuration = new RunConfiguration(),
        },
        TestContext.Current.CancellationToken);

    private RunServices Seeing(IQuestionImages? source)
    {
        var folders = new RunFolders(_folder.Path);
        return new RunServices(new RunManifests(folders), folders, new NoParts(), new SuiteCatalog([new MentalArithmetic()], [], []), [], [], source, new FileImageStore(folders));
    }

    private static Question Shown(params string[] images) => new()
    {
        Id = "q",
        Suite = "s",
        Category = "perception",
        Text = "Which?",
        Answer = "7",
        Verifier = "exact",
        Images = images,
    };

    private static RunServices Services(RunFolders folders) => new(new RunManifests(folders), folders, new NoParts(), new SuiteCatalog([], [], []), [], []);

    /// <summary>Pictures as wide as the letter that names them, once the gate is open.</summary>
    private sealed class GatedImages : IQuestionImages
    {
        private readonly ConcurrentQueue<string> _read = new();
        private int _fails;

        public TaskCompletionSource Gate { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public int Fails
        {
            init => _fails = value;
        }

        public IReadOnlyCollection<string> Read => _read;

        public async ValueTask<ReadOnlyMemory<byte>> ReadAsync(string source, CancellationToken cancellationToken)
        {
            _read.Enqueue(source);
            await Gate.Task.WaitAsync(cancellationToken);
            return Interlocked.Decrement(ref _fails) >= 0 ? throw new IOException($"{source} is away") : ImageFiles.Png(source[0], 1, (byte)source[0]);
        }
    }

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
