using Axpo.Core;
using Axpo.Silo.Storage;
using Microsoft.Data.Sqlite;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Storage;

public sealed class SqliteTurnJournalTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly EpisodeId _episode = new("r", Phase.Train, 1, 2, 3);

    private CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Turns_come_back_in_order_from_another_instance_and_the_first_of_two_equal_ones_stays()
    {
        await using (var journal = new SqliteTurnJournal(new RunFolders(_folder.Path)))
        {
            await journal.AppendAsync(Sample.Turn(_episode, 1, 1, 11), Token);
            await journal.AppendAsync(Sample.Turn(_episode, 1, 0, 10), Token);
            await journal.AppendAsync(Sample.Turn(_episode, 1, 1, 99), Token);
        }

        await using var again = new SqliteTurnJournal(new RunFolders(_folder.Path));
        var turns = await again.ReadAsync(_episode, Token);
        turns.Select(t => t.Tokens[0]).ShouldBe([10, 11]);
        turns[0].Result!.Text.ShouldBe("ok");
    }

    [Fact]
    public async Task A_result_joins_its_turn_and_the_first_one_stays()
    {
        await using var journal = new SqliteTurnJournal(new RunFolders(_folder.Path));
        await journal.AppendAsync(Sample.Turn(_episode, 1, 0, 10) with { Result = null }, Token);
        (await journal.ReadAsync(_episode, Token))[0].Result.ShouldBeNull();
        await journal.AppendResultAsync(_episode, 1, 0, new ToolResult("first"), Token);
        await journal.AppendResultAsync(_episode, 1, 0, new ToolResult("second"), Token);
        (await journal.ReadAsync(_episode, Token))[0].Result!.Text.ShouldBe("first");
    }

    [Fact]
    public async Task Images_of_results_come_back_and_records_from_before_there_were_any_have_none()
    {
        var folders = new RunFolders(_folder.Path);
        var image = new ImageRef($"r/images/{new string('b', 64)}.png", new string('b', 64), 32, 48);
        var (whole, late) = (new ToolResult("image 1") { Images = [image] }, new ToolResult("images", true) { Images = [image, image] });
        await using (var journal = new SqliteTurnJournal(folders))
        {
            await journal.AppendAsync(Sample.Turn(_episode, 1, 0, 10) with { Result = whole }, Token);
            await journal.AppendAsync(Sample.Turn(_episode, 1, 1, 11) with { Result = null }, Token);
            await journal.AppendResultAsync(_episode, 1, 1, late, Token);
        }

        await using (var again = new SqliteTurnJournal(folders))
        {
            (await again.ReadAsync(_episode, Token)).Select(t => t.Result).ShouldBe([whole, late]);
        }

        using (var connection = new SqliteConnection($"Data Source={folders.Journal("r")}"))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = """
                UPDATE turns SET body = CAST(json_remove(CAST(body AS TEXT), '$.result.images') AS BLOB);
                UPDATE results SET body = CAST(json_remove(CAST(body AS TEXT), '$.images') AS BLOB)
                """;
            command.ExecuteNonQuery().ShouldBe(3);
        }

        await using var old = new SqliteTurnJournal(folders);
        (await old.ReadAsync(_episode, Token)).Select(t => t.Result).ShouldBe([whole with { Images = [] }, late with { Images = [] }]);
    }

    [Fact]
    public async Task Only_the_newest_attempt_counts()
    {
        await using var journal = new SqliteTurnJournal(new RunFolders(_folder.Path));
        await journal.AppendAsync(Sample.Turn(_episode, 1, 0, 10), Token);
        await journal.AppendAsync(Sample.Turn(_episode, 1, 1, 11), Token);
        await journal.AppendAsync(Sample.Turn(_episode, 2, 0, 20), Token);
        (await journal.ReadAsync(_episode, Token)).Select(t => t.Tokens[0]).ShouldBe([20]);
    }

    [Fact]
    public async Task Committed_steps_are_forgotten_and_later_ones_kept()
    {
        await using var journal = new SqliteTurnJournal(new RunFolders(_folder.Path));
        var later = _episode with { Step = 2 };
        await journal.AppendAsync(Sample.Turn(_episode, 1, 0, 10), Token);
        await journal.AppendAsync(Sample.Turn(later, 1, 0, 20), Token);
        await journal.ForgetAsync("r", 1, Token);
        (await journal.ReadAsync(_episode, Token)).ShouldBeEmpty();
        (await journal.ReadAsync(later, Token)).Count.ShouldBe(1);
    }

    public void Dispose() => _folder.Dispose();
}
