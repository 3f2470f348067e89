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
    private readonly ConcurrentDictionary<string, Lazy<Database>> _databases = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public async ValueTask AppendAsync(TurnRecord turn, CancellationToken cancellationToken) =>
        await Open(turn.Episode.Run).Writer.AddAsync(new Append(turn), cancellationToken);

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

    private sealed record Append(TurnRecord Turn) : Operation;

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
            Execute("CREATE TABLE IF NOT EXISTS turns(episode TEXT NOT NULL, attempt INTEGER NOT NULL, turn INTEGER NOT NULL, step INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY(episode, attempt, turn)) WITHOUT ROWID");
            Execute("CREATE INDEX IF NOT EXISTS turns_step ON turns(step)");
            Writer = new GroupCommit<Operation>(WriteAsync);
        }

        public GroupCommit<Operation> Writer { get; }

        public IReadOnlyList<TurnRecord> Read(EpisodeId episode)
        {
            using var connection = new SqliteConnection(_connectionString);
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "SELECT body FROM turns WHERE episode = $e AND attempt = (SELECT MAX(attempt) FROM turns WHERE episode = $e) ORDER BY turn";
            command.Parameters.AddWithValue("$e", episode.ToString());
            using var reader = command.ExecuteReader();
            var turns = new List<TurnRecord>();
            while (reader.Read())
            {
                turns.Add(JsonSerializer.Deserialize<TurnRecord>(reader.GetFieldValue<byte[]>(0), AxpoJson.Line)
                    ?? throw new InvalidDataException($"turns of {episode}: an empty record"));
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
            using var insert = _connection.CreateCommand();
            insert.CommandText = "INSERT OR IGNORE INTO turns(episode, attempt, turn, step, body) VALUES($e, $a, $t, $s, $b)";
            var (episode, attempt, turn, step, body) = (Parameter(insert, "$e"), Parameter(insert, "$a"), Parameter(insert, "$t"), Parameter(insert, "$s"), Parameter(insert, "$b"));
            foreach (var operation in batch)
            {
                if (operation is Append append)
                {
                    episode.Value = append.Turn.Episode.ToString();
                    attempt.Value = append.Turn.Attempt;
                    turn.Value = append.Turn.Turn;
                    step.Value = append.Turn.Episode.Step;
                    body.Value = JsonSerializer.SerializeToUtf8Bytes(append.Turn, AxpoJson.Line);
                    insert.ExecuteNonQuery();
                }
                else if (operation is Forget forget)
                {
                    using var delete = _connection.CreateCommand();
                    delete.CommandText = string.Create(CultureInfo.InvariantCulture, $"DELETE FROM turns WHERE step <= {forget.ThroughStep}");
                    delete.ExecuteNonQuery();
                }
            }

            transaction.Commit();
            return ValueTask.CompletedTask;
        }

        private static SqliteParameter Parameter(SqliteCommand command, string name)
        {
            var parameter = command.CreateParameter();
            parameter.ParameterName = name;
            command.Parameters.Add(parameter);
            return parameter;
        }
    }
}
