using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using Microsoft.Data.Sqlite;

namespace Axpo.Silo.Storage;

/// <summary>
/// Finished turns in <c>runs/{run}/turns.db</c> (SQLite, WAL, full synchronisation), written by one thread a run with group commit.
/// The rows of committed steps are deleted: their rollouts are in the trajectory store.
/// </summary>
public sealed class SqliteTurnJournal(RunFolders folders) : ITurnJournal, IAsyncDisposable
{
    private const string TurnTable = "turns";
    private const string ResultTable = "results";
    private static readonly string[] Tables = [TurnTable, ResultTable];

    private readonly ConcurrentDictionary<string, Lazy<Database>> _databases = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public async ValueTask AppendAsync(TurnRecord turn, CancellationToken cancellationToken) =>
        await Open(turn.Episode.Run).Writer.AddAsync(new Insert(TurnTable, turn.Episode, turn.Attempt, turn.Turn, JsonSerializer.SerializeToUtf8Bytes(turn, AxpoJson.Line)), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask AppendResultAsync(EpisodeId episode, int attempt, int turn, ToolResult result, CancellationToken cancellationToken) =>
        await Open(episode.Run).Writer.AddAsync(new Insert(ResultTable, episode, attempt, turn, JsonSerializer.SerializeToUtf8Bytes(result, AxpoJson.Line)), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<TurnRecord>> ReadAsync(EpisodeId episode, CancellationToken cancellationToken) =>
        await Task.Run(() => Open(episode.Run).Read(episode), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask ForgetAsync(string run, int throughStep, CancellationToken cancellationToken) =>
        await Open(run).Writer.AddAsync(new Forget(throughStep), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var database in _databases.Values)
        {
            await database.Value.DisposeAsync();
        }

        _databases.Clear();
    }

    private Database Open(string run) => _databases.GetOrAdd(run, r => new Lazy<Database>(() => new Database(folders.Journal(r)))).Value;

    private abstract record Operation;

    private sealed record Insert(string Table, EpisodeId Episode, int Attempt, int Turn, byte[] Body) : Operation;

    private sealed record Forget(int ThroughStep) : Operation;

    private sealed class Database : IAsyncDisposable
    {
        private readonly string _connectionString;
        private readonly SqliteConnection _connection;

        public Database(string path)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            _connectionString = new SqliteConnectionStringBuilder { DataSource = path, DefaultTimeout = 30 }.ToString();
            _connection = new SqliteConnection(_connectionString);
            _connection.Open();
            Execute("PRAGMA journal_mode=WAL");
            Execute("PRAGMA synchronous=FULL");
            foreach (var table in Tables)
            {
                Execute($"CREATE TABLE IF NOT EXISTS {table}(episode TEXT NOT NULL, attempt INTEGER NOT NULL, turn INTEGER NOT NULL, step INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY(episode, attempt, turn)) WITHOUT ROWID");
                Execute($"CREATE INDEX IF NOT EXISTS {table}_step ON {table}(step)");
            }

            Writer = new GroupCommit<Operation>(WriteAsync);
        }

        public GroupCommit<Operation> Writer { get; }

        public IReadOnlyList<TurnRecord> Read(EpisodeId episode)
        {
            using var connection = new SqliteConnection(_connectionString);
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = """
                SELECT t.body, r.body FROM turns t LEFT JOIN results r ON r.episode = t.episode AND r.attempt = t.attempt AND r.turn = t.turn
                WHERE t.episode = $e AND t.attempt = (SELECT MAX(attempt) FROM turns WHERE episode = $e) ORDER BY t.turn
                """;
            command.Parameters.AddWithValue("$e", episode.ToString());
            using var reader = command.ExecuteReader();
            var turns = new List<TurnRecord>();
            while (reader.Read())
            {
                var turn = JsonSerializer.Deserialize<TurnRecord>(reader.GetFieldValue<byte[]>(0), AxpoJson.Line) ?? throw new InvalidDataException($"turns of {episode}: an empty record");
                turns.Add(reader.IsDBNull(1) ? turn : turn with { Result = JsonSerializer.Deserialize<ToolResult>(reader.GetFieldValue<byte[]>(1), AxpoJson.Line) });
            }

            return turns;
        }

        public async ValueTask DisposeAsync()
        {
            await Writer.DisposeAsync();
            await _connection.DisposeAsync();
        }

        private void Execute(string sql)
        {
            using var command = _connection.CreateCommand();
            command.CommandText = sql;
            command.ExecuteNonQuery();
        }

        private ValueTask WriteAsync(IReadOnlyList<Operation> batch)
        {
            using var transaction = _connection.BeginTransaction();
            using var turns = new Insertion(_connection, TurnTable);
            using var results = new Insertion(_connection, ResultTable);
            foreach (var operation in batch)
            {
                switch (operation)
                {
                    case Insert insert:
                        (insert.Table == TurnTable ? turns : results).Run(insert);
                        break;
                    case Forget forget:
                        foreach (var table in Tables)
                        {
                            Execute(string.Create(CultureInfo.InvariantCulture, $"DELETE FROM {table} WHERE step <= {forget.ThroughStep}"));
                        }

                        break;
                }
            }

            transaction.Commit();
            return ValueTask.CompletedTask;
        }

    }

    /// <summary>A prepared insert that leaves an earlier row of the same key alone.</summary>
    private sealed class Insertion : IDisposable
    {
        private readonly SqliteCommand _command;

        public Insertion(SqliteConnection connection, string table)
        {
            _command = connection.CreateCommand();
            _command.CommandText = $"INSERT OR IGNORE INTO {table}(episode, attempt, turn, step, body) VALUES($e, $a, $t, $s, $b)";
            foreach (var name in new[] { "$e", "$a", "$t", "$s", "$b" })
            {
                var parameter = _command.CreateParameter();
                parameter.ParameterName = name;
                _command.Parameters.Add(parameter);
            }
        }

        public void Run(Insert insert)
        {
            object[] values = [insert.Episode.ToString(), insert.Attempt, insert.Turn, insert.Episode.Step, insert.Body];
            for (var i = 0; i < values.Length; i++)
            {
                _command.Parameters[i].Value = values[i];
            }

            _command.ExecuteNonQuery();
        }

        public void Dispose() => _command.Dispose();
    }
}
