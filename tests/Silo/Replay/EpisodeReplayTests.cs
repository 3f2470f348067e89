using Axpo.Core;
using Axpo.Grains.Abstractions;
using Axpo.Silo.Hosting;
using Axpo.Silo.Replay;
using Axpo.Silo.Runs;
using Axpo.Silo.Storage;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Replay;

/// <summary>What cannot be replayed is told before anything starts; whole replays are in the console's end-to-end tests.</summary>
public sealed class EpisodeReplayTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_episode_of_several_versions_cannot_be_replayed_exactly() =>
        (await ProblemAsync(Stored(1, 2), Configuration())).ShouldBe(
            new Problem("ID", "r/train/2/0/0", "was sampled from the weights of several steps (1, 2), which were published while it was under way; such an episode cannot be replayed exactly"));

    [Fact]
    public async Task Versions_of_what_a_continuation_inherited_do_not_count() =>
        (await ProblemAsync(Stored(1, 2) with { InheritedTokens = 2 }, Configuration())).Field.ShouldBe("learner.keepCheckpoints");

    [Theory]
    [InlineData(3, "only the newest 3 checkpoints stay; a run with learner.keepCheckpoints=0 keeps all")]
    [InlineData(0, "are not stored any more in ")]
    public async Task Weights_that_are_gone_name_the_key_that_keeps_them(int keep, string remedy)
    {
        var problem = await ProblemAsync(Stored(1, 1), Configuration() with { Learner = new LearnerOptions { KeepCheckpoints = keep } });
        (problem.Field, problem.Value, problem.IsEnvironment).ShouldBe(("learner.keepCheckpoints", $"{keep}", false));
        problem.Remedy.ShouldStartWith("the weights of step 1, which sampled this episode, are not stored any more");
        problem.Remedy.ShouldContain(remedy);
    }

    [Fact]
    public async Task Another_starting_model_is_told() =>
        (await ProblemAsync(Stored(0, 0), Configuration(), "00")).Remedy.ShouldStartWith("is gone or has other weights than when run 'r' began");

    [Fact]
    public async Task A_file_of_questions_that_has_changed_is_told()
    {
        using var folder = new TempFolder();
        var file = Path.Combine(folder.Path, "q.jsonl");
        await File.WriteAllTextAsync(file, "{}", Token);
        var problem = await ProblemAsync(Stored(0, 0), Configuration() with { Tasks = new TaskOptions { Questions = file } });
        (problem.Field, problem.Value).ShouldBe(("tasks.questions", file));
    }

    [Theory]
    [InlineData("r/images/HASH.png", "is not stored in")]
    [InlineData("../HASH.png", "is no place of a stored image")]
    public async Task A_continuation_whose_source_saw_an_image_that_is_gone_is_told(string uri, string reason)
    {
        using var root = new TempFolder();
        var folders = new RunFolders(root.Path);
        var hash = new string('0', 64);
        var source = Stored(0, 0) with { Images = [new PlacedImage(new ImageRef(uri.Replace("HASH", hash, StringComparison.Ordinal), hash, 8, 8), 0, 1)] };
        await using (var store = new FileTrajectoryStore(folders))
        {
            await store.PutAsync(source, Token);
        }

        var thrown = await Should.ThrowAsync<PreflightException>(new EpisodeReplay(folders, null).RunAsync(await ManifestAsync(Configuration()), Stored(0, 0) with { Id = source.Id.Fork(0, 1) }, Token));
        var problem = thrown.Problems.ShouldHaveSingleItem();
        (problem.Field, problem.Value).ShouldBe(("ID", "r/train/2/0/0"));
        problem.Remedy.ShouldStartWith("saw an image that cannot be read any more: ");
        problem.Remedy.ShouldContain(reason);
    }

    private static RunConfiguration Configuration() => new() { Model = ModelFolders.Resolve("models/axpo-tiny-gap") };

    private static async Task<Problem> ProblemAsync(Rollout stored, RunConfiguration configuration, string? model = null)
    {
        using var root = new TempFolder();
        var manifest = await ManifestAsync(configuration, model);
        var thrown = await Should.ThrowAsync<PreflightException>(new EpisodeReplay(new RunFolders(root.Path), null).RunAsync(manifest, stored, Token));
        Directory.EnumerateFileSystemEntries(root.Path).ShouldBeEmpty();
        return thrown.Problems.ShouldHaveSingleItem();
    }

    private static async Task<RunManifest> ManifestAsync(RunConfiguration configuration, string? model = null) => new()
    {
        Name = "r",
        Kind = RunKind.Train,
        Created = DateTimeOffset.UnixEpoch,
        ModelSha256 = model ?? await FileHashes.OfWeightsAsync(configuration.Model, Token),
        QuestionsSha256 = "00",
        Configuration = configuration,
    };

    private static Rollout Stored(int first, int second) => new()
    {
        Id = new EpisodeId("r", Phase.Train, 2, 0, 0),
        QuestionId = "q",
        Suite = "s",
        Tokens = [1, 2, 3],
        LogProbs = [float.NaN, -1, -1],
        Entropies = [float.NaN, 1, 1],
        Versions = [-1, first, second],
        Segments = [new Segment(SegmentKind.Prompt, 0, 1), new Segment(SegmentKind.Think, 1, 3)],
        Calls = [],
        Outcome = Outcome.Wrong,
        End = EndReason.TokenLimit,
        Turns = 1,
    };
}
