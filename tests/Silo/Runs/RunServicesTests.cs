using Axpo.Core;
using Axpo.Silo.Runs;
using Axpo.Silo.Storage;
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

    private static RunServices Services(RunFolders folders) => new(new RunManifests(folders), folders, new NoParts(), new SuiteCatalog([], [], []), [], []);

    /// <summary>Nothing of a policy is asked for here.</summary>
    private sealed class NoParts : IRunPartsFactory
    {
        public Task<IPolicyEngine> StartEngineAsync(RunConfiguration configuration, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<ILearner> StartLearnerAsync(RunConfiguration configuration, CancellationToken cancellationToken) => throw new NotSupportedException();

        public IChatFormat LoadChat(RunConfiguration configuration) => throw new NotSupportedException();
    }
}
