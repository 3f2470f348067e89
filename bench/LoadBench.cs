using System.Diagnostics;
using System.Globalization;
using Axpo.Core;
using Axpo.Silo.Storage;
using Axpo.Testing;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Axpo.Bench;

/// <summary>
/// 10,000 episodes on two silos with the shipped stores: resident memory must not grow with finished episodes. And the journal of turns by itself, against bare inserts of the same rows
/// in transactions of as many rows as there are callers.
/// </summary>
internal static class LoadBench
{
    private const int Groups = 125;
    private const int Steps = 10;
    private const int FirstMark = 2;
    private const int Callers = 64;
    private const int Turns = 6400;

    public static async Task<IReadOnlyList<Row>> RunAsync()
    {
        var root = Directory.CreateTempSubdirectory("axpo-load-").FullName;
        try
        {
            return [await MemoryAsync(Path.Combine(root, "episodes")), await JournalAsync(Path.Combine(root, "turns"))];
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    private static async Task<Row> MemoryAsync(string root)
    {
        var folders = new RunFolders(root);
        await using var store = new FileTrajectoryStore(folders);
        await using var journal = new SqliteTurnJournal(folders);
        await using var cluster = await AxpoTestCluster.StartAsync(ScriptedLoad.Services(Groups), o =>
        {
            o.Silos = 2;
            o.Silo = silo =>
            {
                silo.Services.Replace(ServiceDescriptor.Singleton<ITrajectoryStore>(store));
                silo.Services.Replace(ServiceDescriptor.Singleton<ITurnJournal>(journal));
            };
        });
        var marks = new List<(int Episodes, double Mebibytes)>();
        var episodes = 0;
        var clock = Stopwatch.StartNew();
        for (var step = 1; step <= Steps; step++)
        {
            episodes += await ScriptedLoad.EpisodesAsync(cluster, Groups, step);
            await ScriptedLoad.ReleaseAsync(cluster, Groups, step);
            await journal.ForgetAsync("bench", step, CancellationToken.None);
            await store.CloseAsync("bench", step - 1);
            marks.Add((episodes, Resident()));
        }

        var (first, last) = (marks[FirstMark - 1], marks[^1]);
        return Row.AtMost(
            string.Create(CultureInfo.InvariantCulture, $"resident memory after {last.Episodes:N0} / after {first.Episodes:N0} finished episodes, two silos, {episodes / clock.Elapsed.TotalSeconds:N0} episodes/s with trajectories in files and turns in SQLite"),
            string.Create(CultureInfo.InvariantCulture, $"{last.Mebibytes:F0} MiB"),
            string.Create(CultureInfo.InvariantCulture, $"{first.Mebibytes:F0} MiB"),
            last.Mebibytes / first.Mebibytes,
            1.1);
    }

    private static async Task<Row> JournalAsync(string root)
    {
        var folders = new RunFolders(root);
        List<double> durable = [], bare = [];
        for (var round = 0; round < 5; round++)
        {
            await using (var journal = new SqliteTurnJournal(folders))
            {
                var clock = Stopwatch.StartNew();
                await Task.WhenAll(Enumerable.Range(0, Callers).Select(async caller =>
                {
                    for (var turn = 0; turn < Turns / Callers; turn++)
                    {
                        await journal.AppendAsync(Turn(round, caller, turn), CancellationToken.None);
                    }
                }));
                durable.Add(Turns / clock.Elapsed.TotalSeconds);
            }

            bare.Add(Bare(Path.Combine(root, string.Create(CultureInfo.InvariantCulture, $"bare-{round}.db"))));
        }

        return Row.AtLeast(
            string.Create(CultureInfo.InvariantCulture, $"durable turns, {Turns:N0} by {Callers} callers, SQLite, synchronous=FULL / bare inserts in transactions of {Callers}"),
            string.Create(CultureInfo.InvariantCulture, $"{Rate.Median(durable):N0} turns/s"),
            string.Create(CultureInfo.InvariantCulture, $"{Rate.Median(bare):N0} turns/s"),
            Rate.Median(durable.Zip(bare, (d, b) => d / b)),
            .5);
    }

    private static double Bare(string path)
    {
        var body = System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(Turn(0, 0, 0), AxpoJson.Line);
        using var connection = new SqliteConnection($"Data Source={path}");
        connection.Open();
        Execute("PRAGMA journal_mode=WAL");
        Execute("PRAGMA synchronous=FULL");
        Execute("CREATE TABLE turns(episode TEXT NOT NULL, attempt INTEGER NOT NULL, turn INTEGER NOT NULL, step INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY(episode, attempt, turn)) WITHOUT ROWID");
        Execute("CREATE INDEX turns_step ON turns(step)");
        using var insert = connection.CreateCommand();
        insert.CommandText = "INSERT INTO turns VALUES($e, 1, $t, 1, $b)";
        var (episode, turn) = (insert.Parameters.AddWithValue("$e", ""), insert.Parameters.AddWithValue("$t", 0));
        insert.Parameters.AddWithValue("$b", body);
        var clock = Stopwatch.StartNew();
        for (var t = 0; t < Turns / Callers; t++)
        {
            using var transaction = connection.BeginTransaction();
            insert.Transaction = transaction;
            for (var caller = 0; caller < Callers; caller++)
            {
                (episode.Value, turn.Value) = (new EpisodeId("bench", Phase.Train, 1, caller, 0).ToString(), t);
                insert.ExecuteNonQuery();
            }

            transaction.Commit();
        }

        return Turns / clock.Elapsed.TotalSeconds;

        void Execute(string sql)
        {
            using var command = connection.CreateCommand();
            command.CommandText = sql;
            command.ExecuteNonQuery();
        }
    }

    private static TurnRecord Turn(int round, int caller, int turn) => new()
    {
        Episode = new EpisodeId("bench", Phase.Train, 1 + round, caller, 0),
        Attempt = 1,
        Turn = turn,
        Tokens = [.. Enumerable.Range(0, 32)],
        LogProbs = [.. Enumerable.Range(0, 32).Select(i => -i / 31f)],
        Entropies = [.. Enumerable.Range(0, 32).Select(i => i / 31f)],
        Versions = new int[32],
        Stop = StopReason.StopToken,
    };

    private static double Resident()
    {
        GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        using var process = Process.GetCurrentProcess();
        return process.WorkingSet64 / 1048576.0;
    }
}
