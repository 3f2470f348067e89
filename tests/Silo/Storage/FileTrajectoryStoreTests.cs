using System.Text.Json.Nodes;
using Axpo.Core;
using Axpo.Silo.Storage;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Storage;

public sealed class FileTrajectoryStoreTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_folder_that_was_out_of_reach_is_used_once_it_is_there()
    {
        var folders = new RunFolders(_folder.Path);
        await using var store = new FileTrajectoryStore(folders);
        Directory.CreateDirectory(folders.Of("r"));
        await File.WriteAllTextAsync(folders.Trajectories("r"), "", Token);
        var rollout = Sample.Rollout("r", 1, 0, 0);
        await Should.ThrowAsync<IOException>(async () => await store.PutAsync(rollout, Token));
        File.Delete(folders.Trajectories("r"));
        await store.PutAsync(rollout, Token);
        (await store.GetAsync([rollout.Id], Token))[0].Id.ShouldBe(rollout.Id);
    }

    [Fact]
    public async Task A_stored_rollout_reads_back_bit_for_bit_also_by_another_instance()
    {
        var rollout = Sample.Rollout("r", 3, 1, 2);
        await using (var store = new FileTrajectoryStore(new RunFolders(_folder.Path)))
        {
            await store.PutAsync(rollout, Token);
        }

        await using var again = new FileTrajectoryStore(new RunFolders(_folder.Path));
        var back = (await again.GetAsync([rollout.Id], Token))[0];
        back.Id.ShouldBe(rollout.Id);
        back.Tokens.ShouldBe(rollout.Tokens);
        back.LogProbs.Select(BitConverter.SingleToInt32Bits).ShouldBe(rollout.LogProbs.Select(BitConverter.SingleToInt32Bits));
        back.Segments.ShouldBe(rollout.Segments);
        back.Answer.ShouldBe(rollout.Answer);
    }

    [Fact]
    public async Task Images_read_back_and_a_line_from_before_there_were_any_has_none()
    {
        var folders = new RunFolders(_folder.Path);
        var image = new PlacedImage(new ImageRef($"r/images/{new string('a', 64)}.png", new string('a', 64), 640, 480), 0, 2);
        var rollout = Sample.Rollout("r", 1, 0, 0) with { Images = [image] };
        await using (var store = new FileTrajectoryStore(folders))
        {
            await store.PutAsync(rollout, Token);
        }

        var path = Path.Combine(folders.Trajectories("r"), "train-00001.jsonl");
        await using (var again = new FileTrajectoryStore(folders, readOnly: true))
        {
            (await again.GetAsync([rollout.Id], Token))[0].Images.ShouldBe([image]);
        }

        var line = JsonNode.Parse(await File.ReadAllTextAsync(path, Token))!.AsObject();
        line.Remove("images").ShouldBeTrue();
        await File.WriteAllTextAsync(path, line.ToJsonString() + "\n", Token);
        await using var old = new FileTrajectoryStore(folders, readOnly: true);
        var back = (await old.GetAsync([rollout.Id], Token))[0];
        back.Images.ShouldBeEmpty();
        back.Tokens.ShouldBe(rollout.Tokens);
    }

    [Fact]
    public async Task Storing_twice_keeps_the_first_and_its_reference()
    {
        await using var store = new FileTrajectoryStore(new RunFolders(_folder.Path));
        var first = await store.PutAsync(Sample.Rollout("r", 1, 0, 0), Token);
        var second = await store.PutAsync(Sample.Rollout("r", 1, 0, 0, Outcome.Wrong), Token);
        second.Ref.ShouldBe(first.Ref);
        second.Rollout.Outcome.ShouldBe(Outcome.Correct, "whoever stores is told what counts");
        (await store.GetAsync([new EpisodeId("r", Phase.Train, 1, 0, 0)], Token))[0].Outcome.ShouldBe(Outcome.Correct);
    }

    [Fact]
    public async Task A_Void_rollout_gives_way_to_a_later_attempt_and_to_any_outcome_for_good()
    {
        var folders = new RunFolders(_folder.Path);
        var lost = Sample.Rollout("r", 1, 0, 0, Outcome.Void) with { Cause = VoidCause.EngineFault, Attempts = 3 };
        var mended = Sample.Rollout("r", 1, 0, 0) with { Attempts = 2 };
        await using (var store = new FileTrajectoryStore(folders))
        {
            await store.PutAsync(lost, Token);
            (await store.PutAsync(lost with { Cause = VoidCause.StorageFault }, Token)).Rollout.Cause.ShouldBe(VoidCause.EngineFault, "the same attempt is the same operation");
            (await store.PutAsync(lost with { Attempts = 4 }, Token)).Rollout.Attempts.ShouldBe(4);
            (await store.PutAsync(mended, Token)).Rollout.Outcome.ShouldBe(Outcome.Correct, "an outcome counts, whichever attempt had it");
            (await store.PutAsync(lost with { Attempts = 5 }, Token)).Rollout.Attempts.ShouldBe(2, "an outcome stays");
            (await store.GetAsync([lost.Id], Token))[0].Attempts.ShouldBe(2);
        }

        await using var again = new FileTrajectoryStore(folders);
        (await again.ListAsync("r", null, null, Token).ToArrayAsync(Token)).ShouldHaveSingleItem().Outcome.ShouldBe(Outcome.Correct);
    }

    [Fact]
    public async Task Steps_that_are_closed_are_let_go_of_and_open_again_when_asked_for()
    {
        await using var store = new FileTrajectoryStore(new RunFolders(_folder.Path));
        var rollouts = Enumerable.Range(1, 3).Select(step => Sample.Rollout("r", step, 0, 0)).ToArray();
        foreach (var rollout in rollouts)
        {
            await store.PutAsync(rollout, Token);
        }

        await store.CloseAsync("r", 2);
        Enumerable.Range(1, 3).Select(IsHeld).ShouldBe([false, false, true]);
        (await store.GetAsync([rollouts[0].Id], Token))[0].Tokens.ShouldBe(rollouts[0].Tokens);
        IsHeld(1).ShouldBeTrue();

        // The store writes under a lock that admits readers only.
        bool IsHeld(int step)
        {
            try
            {
                using var file = new FileStream(Path.Combine(_folder.Path, "r", "trajectories", $"train-{step:D5}.jsonl"), FileMode.Open, FileAccess.ReadWrite, FileShare.None);
                return false;
            }
            catch (IOException)
            {
                return true;
            }
        }
    }

    [Fact]
    public async Task Who_only_reads_creates_no_file()
    {
        await using var store = new FileTrajectoryStore(new RunFolders(_folder.Path));
        await Should.ThrowAsync<KeyNotFoundException>(async () => await store.GetAsync([new EpisodeId("r", Phase.Train, 1, 0, 0)], Token));
        Directory.EnumerateFiles(_folder.Path, "*.jsonl", SearchOption.AllDirectories).ShouldBeEmpty();
    }

    [Fact]
    public async Task Another_silos_batch_that_was_taken_back_is_read_anew()
    {
        var folders = new RunFolders(_folder.Path);
        var (first, second) = (Sample.Rollout("r", 1, 0, 0), Sample.Rollout("r", 1, 0, 1));
        var path = Path.Combine(folders.Trajectories("r"), "train-00001.jsonl");
        await using (var store = new FileTrajectoryStore(folders))
        {
            await store.PutAsync(first, Token);
            await store.PutAsync(second, Token);
        }

        var lines = await File.ReadAllLinesAsync(path, Token);
        await using var reader = new FileTrajectoryStore(folders, readOnly: true);
        (await reader.GetAsync([first.Id], Token))[0].Id.ShouldBe(first.Id);

        // The disk had no room for the batch: its writer cut the file and wrote another.
        await File.WriteAllTextAsync(path, string.Concat(lines.Reverse().Select(l => l + "\n")), Token);
        (await reader.GetAsync([first.Id, second.Id], Token)).Select(r => r.Id).ShouldBe([first.Id, second.Id]);

        await File.WriteAllTextAsync(path, lines[0].Replace("\"attempts\":1", "\"attempts\":2", StringComparison.Ordinal) + "\n", Token);
        lines[0].ShouldContain("\"attempts\":1");
        (await reader.GetAsync([first.Id], Token))[0].Attempts.ShouldBe(2);
        await Should.ThrowAsync<KeyNotFoundException>(async () => await reader.GetAsync([second.Id], Token));
    }

    [Fact]
    public async Task Many_at_once_are_all_there_in_order_of_ids()
    {
        await using var store = new FileTrajectoryStore(new RunFolders(_folder.Path));
        await Task.WhenAll(Enumerable.Range(0, 200).Select(i => store.PutAsync(Sample.Rollout("r", 1 + (i % 2), i / 8, i % 8), Token).AsTask()));
        var all = new List<Rollout>();
        await foreach (var rollout in store.ListAsync("r", Phase.Train, null, Token))
        {
            all.Add(rollout);
        }

        all.Count.ShouldBe(200);
        all.Select(r => (r.Id.Step, r.Id.Question, r.Id.Rollout)).ShouldBeInOrder();
    }

    [Fact]
    public async Task A_line_cut_short_by_a_crash_is_dropped_and_the_file_goes_on()
    {
        var folders = new RunFolders(_folder.Path);
        await using (var store = new FileTrajectoryStore(folders))
        {
            await store.PutAsync(Sample.Rollout("r", 1, 0, 0), Token);
            await store.PutAsync(Sample.Rollout("r", 1, 0, 1), Token);
        }

        var file = Directory.GetFiles(folders.Trajectories("r"))[0];
        using (var stream = new FileStream(file, FileMode.Open))
        {
            stream.SetLength(stream.Length - 20);
        }

        await using var again = new FileTrajectoryStore(folders);
        await again.GetAsync([new EpisodeId("r", Phase.Train, 1, 0, 0)], Token);
        await Should.ThrowAsync<KeyNotFoundException>(async () => await again.GetAsync([new EpisodeId("r", Phase.Train, 1, 0, 1)], Token));
        await again.PutAsync(Sample.Rollout("r", 1, 0, 1), Token);
        (await again.GetAsync([new EpisodeId("r", Phase.Train, 1, 0, 1)], Token))[0].Tokens.ShouldBe([1, 2, 3, 4]);
    }

    [Fact]
    public async Task A_rollout_whose_parts_do_not_fit_is_refused()
    {
        await using var store = new FileTrajectoryStore(new RunFolders(_folder.Path));
        var bad = Sample.Rollout("r", 1, 0, 0) with { LogProbs = [0, 0, 0, 0] };
        (await Should.ThrowAsync<InvalidDataException>(async () => await store.PutAsync(bad, Token))).Message.ShouldContain("Prompt");
    }

    [Fact]
    public async Task A_reader_sees_what_a_writer_appends_meanwhile_and_changes_nothing()
    {
        var folders = new RunFolders(_folder.Path);
        await using var reader = new FileTrajectoryStore(folders, readOnly: true);
        (await ListAsync(reader)).ShouldBeEmpty();
        await Should.ThrowAsync<KeyNotFoundException>(async () => await reader.GetAsync([new EpisodeId("r", Phase.Train, 1, 0, 0)], Token));
        Directory.Exists(folders.Of("r")).ShouldBeFalse();

        await using var writer = new FileTrajectoryStore(folders);
        await writer.PutAsync(Sample.Rollout("r", 1, 0, 0), Token);
        (await ListAsync(reader)).Select(r => r.Id.Rollout).ShouldBe([0]);
        await writer.PutAsync(Sample.Rollout("r", 1, 0, 1), Token);
        (await reader.GetAsync([new EpisodeId("r", Phase.Train, 1, 0, 1)], Token))[0].Tokens.ShouldBe([1, 2, 3, 4]);
        await writer.PutAsync(Sample.Rollout("r", 1, 0, 2), Token);
        (await ListAsync(reader)).Select(r => r.Id.Rollout).ShouldBe([0, 1, 2]);
        (await Should.ThrowAsync<NotSupportedException>(async () => await reader.PutAsync(Sample.Rollout("r", 1, 0, 3), Token))).Message.ShouldContain("read-only");
    }

    [Fact]
    public async Task A_line_that_is_being_written_is_not_there_for_a_reader_until_it_is_whole()
    {
        var folders = new RunFolders(_folder.Path);
        await using (var store = new FileTrajectoryStore(folders))
        {
            await store.PutAsync(Sample.Rollout("r", 1, 0, 0), Token);
            await store.PutAsync(Sample.Rollout("r", 1, 0, 1), Token);
        }

        var file = Directory.GetFiles(folders.Trajectories("r"))[0];
        var whole = await File.ReadAllBytesAsync(file, Token);
        await File.WriteAllBytesAsync(file, whole[..^20], Token);
        await using var reader = new FileTrajectoryStore(folders, readOnly: true);
        (await ListAsync(reader)).Select(r => r.Id.Rollout).ShouldBe([0]);
        (await File.ReadAllBytesAsync(file, Token)).ShouldBe(whole[..^20]);
        await using (var append = new FileStream(file, FileMode.Append))
        {
            await append.WriteAsync(whole.AsMemory(whole.Length - 20), Token);
        }

        (await ListAsync(reader)).Select(r => r.Id.Rollout).ShouldBe([0, 1]);
    }

    [Fact]
    public async Task A_reader_may_read_files_that_it_may_not_write()
    {
        var folders = new RunFolders(_folder.Path);
        await using (var store = new FileTrajectoryStore(folders))
        {
            await store.PutAsync(Sample.Rollout("r", 1, 0, 0), Token);
        }

        File.SetAttributes(Directory.GetFiles(folders.Trajectories("r"))[0], FileAttributes.ReadOnly);
        await using var reader = new FileTrajectoryStore(folders, readOnly: true);
        (await ListAsync(reader)).Count.ShouldBe(1);
    }

    private async Task<List<Rollout>> ListAsync(FileTrajectoryStore store)
    {
        var all = new List<Rollout>();
        await foreach (var rollout in store.ListAsync("r", null, null, Token))
        {
            all.Add(rollout);
        }

        return all;
    }

    public void Dispose() => _folder.Dispose();
}
