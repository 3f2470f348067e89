using Orleans.Hosting;
using Orleans.Persistence.FileStorage;

namespace Axpo.Grains.Tests.Runs;

public sealed class StorageTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("axpo-grains-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task States_survive_a_restart_on_file_storage()
    {
        var world = new World();
        var before = await AxpoTestCluster.StartAsync(world.Services, o => o.Silo = OnFiles);
        await before.Grains.GetGrain<IRunGrain>(World.Run).StartAsync(new RunRequest());
        var done = await before.Grains.GetGrain<IRunGrain>(World.Run).EndAsync();
        done.Phase.ShouldBe(RunPhase.Done, done.Message);
        var committed = await before.Grains.GetGrain<ITrainerGrain>(World.Run).StatusAsync();
        await before.DisposeAsync();

        await using var after = await AxpoTestCluster.StartAsync(new World().Services, o => (o.Silo, o.After) = (OnFiles, before));
        var status = await after.Grains.GetGrain<IRunGrain>(World.Run).StatusAsync();

        (status.Phase, status.Step, status.Kind).ShouldBe((RunPhase.Done, 2, RunKind.Train));
        status.Weights.ShouldBe(done.Weights);
        status.Newest.ShouldNotBeNull().Train.ShouldBe(done.Newest!.Train);
        (await after.Grains.GetGrain<ITrainerGrain>(World.Run).StatusAsync()).ShouldBe(committed);
    }

    private void OnFiles(ISiloBuilder silo) => silo.AddFileGrainStorage(GrainsOptions.Storage, f => f.RootDirectory = _folder);
}
