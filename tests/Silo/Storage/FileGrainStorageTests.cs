using Axpo.Silo.Storage;
using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Runtime;
using Orleans.Serialization;
using Orleans.Storage;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Storage;

public sealed class FileGrainStorageTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly Serializer _serializer = new ServiceCollection().AddSerializer().BuildServiceProvider().GetRequiredService<Serializer>();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_state_comes_back_in_another_process_and_lies_in_its_runs_folder()
    {
        var state = new GrainState<List<string>> { State = ["a"] };
        await Storage().WriteStateAsync("run", Grain("r1"), state);
        var read = new GrainState<List<string>>();
        await Storage().ReadStateAsync("run", Grain("r1"), read);
        read.State.ShouldBe(["a"]);
        read.RecordExists.ShouldBeTrue();
        read.ETag.ShouldBe(state.ETag);
        Directory.GetFiles(Path.Combine(_folder.Path, "r1", "state")).ShouldHaveSingleItem();
    }

    [Fact]
    public async Task What_was_never_written_is_fresh()
    {
        var read = new GrainState<List<string>> { State = ["old"], ETag = "x", RecordExists = true };
        await Storage().ReadStateAsync("run", Grain("none"), read);
        read.State.ShouldBeEmpty();
        read.RecordExists.ShouldBeFalse();
        read.ETag.ShouldBeNull();
    }

    [Fact]
    public async Task A_stale_activation_cannot_write_or_clear()
    {
        var first = new GrainState<List<string>> { State = ["first"] };
        await Storage().WriteStateAsync("trainer", Grain("r1"), first);
        var stale = new GrainState<List<string>>();
        await Storage().ReadStateAsync("trainer", Grain("r1"), stale);
        first.State = ["second"];
        await Storage().WriteStateAsync("trainer", Grain("r1"), first);

        stale.State = ["zombie"];
        await Should.ThrowAsync<InconsistentStateException>(() => Storage().WriteStateAsync("trainer", Grain("r1"), stale));
        await Should.ThrowAsync<InconsistentStateException>(() => Storage().ClearStateAsync("trainer", Grain("r1"), stale));
        await Should.ThrowAsync<InconsistentStateException>(() => Storage().WriteStateAsync("trainer", Grain("r1"), new GrainState<List<string>> { State = ["fresh"] }));
        var read = new GrainState<List<string>>();
        await Storage().ReadStateAsync("trainer", Grain("r1"), read);
        read.State.ShouldBe(["second"]);
    }

    [Fact]
    public async Task Keys_below_a_run_do_not_share_a_file()
    {
        await Storage().WriteStateAsync("s", Grain("r1/train/1/0"), new GrainState<List<string>> { State = ["a"] });
        await Storage().WriteStateAsync("s", Grain("r1/train/1/1"), new GrainState<List<string>> { State = ["b"] });
        var read = new GrainState<List<string>>();
        await Storage().ReadStateAsync("s", Grain("r1/train/1/0"), read);
        read.State.ShouldBe(["a"]);
        Directory.GetFiles(Path.Combine(_folder.Path, "r1", "state")).Length.ShouldBe(2);
    }

    [Fact]
    public async Task A_cleared_state_is_gone_and_a_damaged_file_is_named()
    {
        var state = new GrainState<List<string>> { State = ["a"] };
        await Storage().WriteStateAsync("run", Grain("r1"), state);
        await Storage().ClearStateAsync("run", Grain("r1"), state);
        state.RecordExists.ShouldBeFalse();
        var file = Path.Combine(_folder.Path, "r1", "state", "run.state");
        File.Exists(file).ShouldBeFalse();

        await File.WriteAllBytesAsync(file, [1, 2, 3], TestContext.Current.CancellationToken);
        var e = await Should.ThrowAsync<InvalidDataException>(() => Storage().ReadStateAsync("run", Grain("r1"), state));
        e.Message.ShouldContain("run.state");
    }

    private static GrainId Grain(string key) => GrainId.Create("test", key);

    private FileGrainStorage Storage() => new(new RunFolders(_folder.Path), _serializer);
}
