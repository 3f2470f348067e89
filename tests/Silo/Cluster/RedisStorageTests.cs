using Axpo.Core;
using Axpo.Silo.Cluster;
using Axpo.Silo.Storage;
using Axpo.Silo.Tests.Storage;
using Shouldly;
using StackExchange.Redis;
using Xunit;

namespace Axpo.Silo.Tests.Cluster;

public sealed class RedisStorageTests : IAsyncLifetime
{
    private readonly TempFolder _folder = new();
    private readonly EpisodeId _episode = new("r", Phase.Train, 1, 2, 3);
    private RedisServer _server = null!;
    private ConnectionMultiplexer _redis = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private RedisTurnJournal Journal => new(_redis, _server.Cluster());

    public async ValueTask InitializeAsync()
    {
        _server = await RedisServer.StartAsync();
        _redis = await ConnectionMultiplexer.ConnectAsync(_server.Cluster().RedisOptions());
    }

    public async ValueTask DisposeAsync()
    {
        await _redis.DisposeAsync();
        await _server.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Turns_come_back_in_order_and_the_first_of_two_equal_ones_stays()
    {
        await Journal.AppendAsync(Sample.Turn(_episode, 1, 1, 11), Token);
        await Journal.AppendAsync(Sample.Turn(_episode, 1, 0, 10), Token);
        await Journal.AppendAsync(Sample.Turn(_episode, 1, 1, 99), Token);
        (await Journal.ReadAsync(_episode, Token)).Select(t => t.Tokens[0]).ShouldBe([10, 11]);
        await Journal.AppendAsync(Sample.Turn(_episode, 2, 0, 20), Token);
        (await Journal.ReadAsync(_episode, Token)).Select(t => t.Tokens[0]).ShouldBe([20], "only the newest attempt counts");
    }

    [Fact]
    public async Task A_result_joins_its_turn_and_the_first_one_stays()
    {
        await Journal.AppendAsync(Sample.Turn(_episode, 1, 0, 10) with { Result = null }, Token);
        (await Journal.ReadAsync(_episode, Token))[0].Result.ShouldBeNull();
        await Journal.AppendResultAsync(_episode, 1, 0, new ToolResult("first"), Token);
        await Journal.AppendResultAsync(_episode, 1, 0, new ToolResult("second"), Token);
        (await Journal.ReadAsync(_episode, Token))[0].Result!.Text.ShouldBe("first");
    }

    [Fact]
    public async Task Images_of_results_come_back_whether_stored_with_the_turn_or_after_it()
    {
        var shown = new ToolResult("image 1") { Images = [new ImageRef("r/images/00.png", "00", 20, 30), new ImageRef("r/images/11.jpg", "11", 1, 2)] };
        await Journal.AppendAsync(Sample.Turn(_episode, 1, 0, 10) with { Result = shown }, Token);
        await Journal.AppendAsync(Sample.Turn(_episode, 1, 1, 11) with { Result = null }, Token);
        await Journal.AppendResultAsync(_episode, 1, 1, shown, Token);
        (await Journal.ReadAsync(_episode, Token)).Select(t => t.Result).ShouldBe([shown, shown]);
    }

    [Fact]
    public async Task Committed_steps_are_forgotten_and_later_ones_and_other_runs_kept()
    {
        EpisodeId[] episodes = [_episode, _episode with { Step = 2 }, _episode with { Run = "other" }];
        foreach (var episode in episodes)
        {
            await Journal.AppendAsync(Sample.Turn(episode, 1, 0, 10), Token);
        }

        await Journal.ForgetAsync("r", 1, Token);
        (await Journal.ReadAsync(episodes[0], Token)).ShouldBeEmpty();
        (await Journal.ReadAsync(episodes[1], Token)).Count.ShouldBe(1);
        (await Journal.ReadAsync(episodes[2], Token)).Count.ShouldBe(1);
    }

    [Fact]
    public async Task Turns_survive_a_crash_of_Redis()
    {
        await Journal.AppendAsync(Sample.Turn(_episode, 1, 0, 10), Token);
        await _server.Kill();
        await _server.BeginAsync();
        await using var again = await ConnectionMultiplexer.ConnectAsync(_server.Cluster().RedisOptions());
        (await new RedisTurnJournal(again, _server.Cluster()).ReadAsync(_episode, Token)).Count.ShouldBe(1);
    }

    [Fact]
    public async Task One_of_two_silos_that_store_the_same_episode_counts_for_both()
    {
        await using var a = Store("a");
        await using var b = Store("b");
        var (first, second) = (Sample.Rollout("r", 1, 0, 0), Sample.Rollout("r", 1, 0, 0) with { Outcome = Outcome.Wrong });
        var stored = await a.PutAsync(first, Token);
        (await b.PutAsync(second, Token)).Ref.ShouldBe(stored.Ref);
        foreach (var store in new[] { a, b, new FileTrajectoryStore(new RunFolders(_folder.Path), readOnly: true) })
        {
            (await store.GetAsync([first.Id], Token))[0].Outcome.ShouldBe(first.Outcome);
            (await store.ListAsync("r", null, null, Token).ToListAsync(Token)).Count.ShouldBe(1);
        }
    }

    [Fact]
    public async Task A_claim_of_a_silo_that_stored_nothing_is_taken_over_and_the_late_comer_is_taken_back()
    {
        var claims = new RedisRolloutClaims(_redis, _server.Cluster());
        var rollout = Sample.Rollout("r", 1, 0, 0);
        (await claims.ClaimAsync(rollout.Id, "a", Token)).ShouldBe("a");
        await using var b = Store("b");
        await b.PutAsync(rollout, Token);
        (await claims.OwnerAsync(rollout.Id, Token)).ShouldBe("b");

        // Silo a stood still between its claim and its line: it wakes up, writes it, and finds that b counts.
        await using var a = Store("a", new Sleeper(claims));
        (await a.PutAsync(rollout with { Outcome = Outcome.Wrong }, Token)).Rollout.Outcome.ShouldBe(rollout.Outcome, "it is told so");
        await using var reader = new FileTrajectoryStore(new RunFolders(_folder.Path), readOnly: true);
        (await reader.ListAsync("r", null, null, Token).ToListAsync(Token)).ShouldHaveSingleItem().Outcome.ShouldBe(rollout.Outcome);
    }

    private FileTrajectoryStore Store(string silo, IRolloutClaims? claims = null) =>
        new(new RunFolders(_folder.Path), writer: silo, claims: claims ?? new RedisRolloutClaims(_redis, _server.Cluster()));

    /// <summary>Believes that its first claim was granted, as a silo does that slept since.</summary>
    private sealed class Sleeper(IRolloutClaims claims) : IRolloutClaims
    {
        public ValueTask<string> ClaimAsync(EpisodeId id, string writer, CancellationToken cancellationToken) => ValueTask.FromResult(writer);

        public ValueTask<string> TakeOverAsync(EpisodeId id, string from, string writer, CancellationToken cancellationToken) => claims.TakeOverAsync(id, from, writer, cancellationToken);

        public ValueTask<string?> OwnerAsync(EpisodeId id, CancellationToken cancellationToken) => claims.OwnerAsync(id, cancellationToken);
    }
}
