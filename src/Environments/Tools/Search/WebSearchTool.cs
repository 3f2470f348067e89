using Microsoft.Data.Sqlite;

namespace Axpo.Environments.Tools.Search;

/// <summary>
/// <c>web_search(query, max_results)</c> over the embedded index of facts: several results, some of them irrelevant unless titles must match, always in the same order. A query that finds nothing is told so, as its own mistake.
/// Stateless; SQLite runs on the thread pool with bounded concurrency, never on a caller's scheduler.
/// </summary>
public sealed class WebSearchTool(FactIndex index, WebSearchOptions options) : ITool, IDisposable
{
    /// <summary>Its name.</summary>
    public const string Name = "web_search";

    private readonly SemaphoreSlim _slots = new(options.Concurrency, options.Concurrency);

    /// <inheritdoc/>
    public ToolSpec Spec { get; } = new(Name, "Searches documents and returns the best results as text.",
    [
        new ToolParameter("query", "string", true, "What to look for."),
        new ToolParameter("max_results", "integer", false, "At most so many results."),
    ]);

    /// <inheritdoc/>
    public bool IsStateful => false;

    /// <inheritdoc/>
    public async Task<ToolProbe> ProbeAsync(CancellationToken cancellationToken)
    {
        try
        {
            var hits = await SearchAsync("capital of France", 1, cancellationToken);
            return hits is [{ Text: "Paris" }]
                ? new ToolProbe(true, "embedded index answers")
                : new ToolProbe(false, "the embedded index does not find the capital of France", "reinstall Axpo: its data is damaged");
        }
        catch (Exception e) when (e is SqliteException or TypeInitializationException or DllNotFoundException)
        {
            return new ToolProbe(false, e.Message, "SQLite with FTS5 is needed; it comes with Axpo's packages: run dotnet restore");
        }
    }

    /// <inheritdoc/>
    public Task<IToolSession> OpenAsync(ToolSessionContext context, CancellationToken cancellationToken) => Task.FromResult<IToolSession>(new Session(this));

    /// <inheritdoc/>
    public void Dispose() => _slots.Dispose();

    private async Task<IReadOnlyList<SearchHit>> SearchAsync(string query, int maxResults, CancellationToken cancellationToken)
    {
        await _slots.WaitAsync(cancellationToken);
        try
        {
            return await Task.Run(() => index.Search(query, maxResults, options.Match), cancellationToken);
        }
        finally
        {
            _slots.Release();
        }
    }

    private async Task<ToolResult> InvokeAsync(string argumentsJson, CancellationToken cancellationToken)
    {
        if (!ToolArguments.TryRead(Spec, argumentsJson, out var arguments, out var error))
        {
            return error!;
        }

        var query = arguments.Text("query");
        if (query.Length > options.MaxQueryLength)
        {
            return ToolArguments.Fault($"query has {query.Length} characters, at most {options.MaxQueryLength} are allowed");
        }

        var results = (int)(arguments.Number("max_results") ?? options.DefaultResults);
        if (results < 1 || results > options.MaxResults)
        {
            return ToolArguments.Fault($"max_results must be 1 to {options.MaxResults}");
        }

        try
        {
            var hits = await SearchAsync(query, results, cancellationToken);
            var text = FactIndex.Format(hits);
            if (text.Length > options.MaxOutput)
            {
                text = text[..(char.IsHighSurrogate(text[options.MaxOutput - 1]) ? options.MaxOutput - 1 : options.MaxOutput)] + " [cut off]";
            }

            return new ToolResult(text, IsError: hits.Count == 0);
        }
        catch (SqliteException e)
        {
            throw new ToolUnavailableException($"web_search: {e.Message}", isTransient: e.SqliteErrorCode is 5 or 6, e);
        }
    }

    private sealed class Session(WebSearchTool tool) : IToolSession
    {
        public Task<ToolResult> InvokeAsync(ToolInvocation invocation, CancellationToken cancellationToken) => tool.InvokeAsync(invocation.Arguments, cancellationToken);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
