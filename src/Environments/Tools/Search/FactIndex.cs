using System.Text;
using Axpo.Environments.Facts;
using Microsoft.Data.Sqlite;

namespace Axpo.Environments.Tools.Search;

/// <summary>A document that was found.</summary>
/// <param name="Id">Stable id.</param>
/// <param name="Title">Title.</param>
/// <param name="Text">What it says.</param>
public sealed record SearchHit(string Id, string Title, string Text);

/// <summary>
/// Full-text index (SQLite FTS5, bm25) over one short document a fact. Queries are any text: words are quoted, so no FTS syntax gets through; documents
/// that hold more of the words come first, then by bm25, then by id. Deterministic; answers
/// are remembered. Safe for many threads; each search opens its own connection to one
/// shared in-memory database.
/// </summary>
public sealed class FactIndex : IDisposable
{
    /// <summary>Results when the caller does not say.</summary>
    public const int DefaultResults = 2;

    private const int MaxWords = 24;
    private const int Remembered = 16_384;

    private readonly string _connectionString;
    private readonly SqliteConnection _keeper;
    private readonly Lock _gate = new();
    private readonly Dictionary<(string Query, int MaxResults, SearchMatch Match), IReadOnlyList<SearchHit>> _known = [];

    /// <summary>Builds an index.</summary>
    public FactIndex(IEnumerable<Fact> facts)
    {
        _connectionString = new SqliteConnectionStringBuilder { DataSource = $"facts-{Guid.NewGuid():N}", Mode = SqliteOpenMode.Memory, Cache = SqliteCacheMode.Shared }.ToString();
        _keeper = new SqliteConnection(_connectionString);
        _keeper.Open();
        using var transaction = _keeper.BeginTransaction();
        Execute("CREATE VIRTUAL TABLE docs USING fts5(title, body UNINDEXED, id UNINDEXED, words UNINDEXED, tokenize = 'unicode61 remove_diacritics 2')");
        using var insert = _keeper.CreateCommand();
        insert.CommandText = "INSERT INTO docs(title, body, id, words) VALUES($t, $b, $i, $w)";
        foreach (var fact in facts)
        {
            insert.Parameters.Clear();
            insert.Parameters.AddWithValue("$t", fact.Title);
            insert.Parameters.AddWithValue("$b", fact.Answer);
            insert.Parameters.AddWithValue("$i", fact.Id);
            insert.Parameters.AddWithValue("$w", Words(fact.Title).Count);
            insert.ExecuteNonQuery();
        }

        transaction.Commit();

        void Execute(string sql)
        {
            using var command = _keeper.CreateCommand();
            command.CommandText = sql;
            command.ExecuteNonQuery();
        }
    }

    /// <summary>The index over the shipped facts.</summary>
    public static FactIndex Shared { get; } = new(FactBase.All);

    /// <summary>Results as the policy sees them: the best answer, then the other titles with their answers.</summary>
    public static string Format(IReadOnlyList<SearchHit> hits) =>
        hits.Count == 0 ? "no results" : string.Join("; ", hits.Select((h, i) => i == 0 ? h.Text : $"{h.Title}: {h.Text}"));

    /// <summary>Searches.</summary>
    /// <param name="query">Any text.</param>
    /// <param name="maxResults">At most so many.</param>
    /// <param name="match">What it finds.</param>
    public IReadOnlyList<SearchHit> Search(string query, int maxResults, SearchMatch match = SearchMatch.Any)
    {
        lock (_gate)
        {
            if (_known.TryGetValue((query, maxResults, match), out var known))
            {
                return known;
            }
        }

        var hits = Find(query, maxResults, match);
        lock (_gate)
        {
            if (_known.Count >= Remembered)
            {
                _known.Clear();
            }

            return _known[(query, maxResults, match)] = hits;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _keeper.Dispose();

    private IReadOnlyList<SearchHit> Find(string query, int maxResults, SearchMatch match)
    {
        var words = Words(query);
        if (words.Count == 0)
        {
            return [];
        }

        using var connection = new SqliteConnection(_connectionString);
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT id, title, body FROM docs WHERE docs MATCH $q ORDER BY bm25(docs), words, id LIMIT 64";
        command.Parameters.AddWithValue("$q", string.Join(" OR ", words.Select(w => $"\"{w}\"")));
        using var reader = command.ExecuteReader();
        var hits = new List<SearchHit>();
        while (reader.Read())
        {
            hits.Add(new SearchHit(reader.GetString(0), reader.GetString(1), reader.GetString(2)));
        }

        // A title that is exactly the query, then those that share more of its words and hold fewer others; the sort is stable, so bm25 decides ties.
        return [.. hits.Where(h => match == SearchMatch.Any || Overlap(h.Title) == 1).OrderByDescending(h => Overlap(h.Title)).Take(maxResults)];

        double Overlap(string title)
        {
            var own = Words(title);
            var shared = own.Count(words.Contains);
            return (double)shared / (own.Count + words.Count - shared);
        }
    }

    private static List<string> Words(string text)
    {
        var words = new List<string>();
        var word = new StringBuilder();
        foreach (var c in text.Normalize(NormalizationForm.FormC).ToLowerInvariant() + " ")
        {
            if (char.IsLetterOrDigit(c))
            {
                word.Append(c);
            }
            else if (word.Length > 0)
            {
                words.Add(word.ToString());
                word.Clear();
            }
        }

        return [.. words.Distinct(StringComparer.Ordinal).Take(MaxWords)];
    }
}
