namespace Axpo.Grains.Tools;

/// <summary>
/// The session of one attempt at an episode with the journal of its calls. When the session fails it is opened anew and the journal is replayed, each result
/// being compared; used by one call at a time.
/// </summary>
internal sealed class ToolSession(ITool tool, ToolCallRequest first, string name) : IAsyncDisposable
{
    private readonly List<(ToolInvocation Call, ToolResult Result)> _journal = [];
    private IToolSession? _session;

    /// <summary>Attempt that it belongs to.</summary>
    public int Attempt => first.Attempt;

    /// <summary>Calls that it has answered.</summary>
    public int Calls => _journal.Count;

    /// <summary>Result of an earlier call.</summary>
    public ToolResult Answered(int index) => _journal[index].Result;

    /// <summary>Executes the next call.</summary>
    /// <exception cref="ToolUnavailableException">Infrastructure failed.</exception>
    public async Task<ToolCallResult> InvokeAsync(ToolCallRequest request, CancellationToken cancellationToken)
    {
        try
        {
            if (_session is null)
            {
                _session = await tool.OpenAsync(new ToolSessionContext(name, first.Chance), cancellationToken);
                foreach (var (call, recorded) in _journal)
                {
                    var replayed = await _session.InvokeAsync(call, cancellationToken);
                    if (replayed != recorded)
                    {
                        return Diverged(recorded, replayed);
                    }
                }
            }

            var result = await _session.InvokeAsync(request.Invocation, cancellationToken);
            if (request.Recorded is { } expected && result != expected)
            {
                return Diverged(expected, result);
            }

            _journal.Add((request.Invocation, result));
            return new ToolCallResult { Status = ToolCallStatus.Done, Result = result };
        }
        catch
        {
            await EndAsync();
            throw;
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => EndAsync();

    private static ToolCallResult Diverged(ToolResult recorded, ToolResult replayed) => new()
    {
        Status = ToolCallStatus.Diverged,
        Cause = VoidCause.ReplayDiverged,
        Detail = $"a replayed call answered {Words(replayed)} where {Words(recorded)} was recorded",
    };

    private static string Words(ToolResult result) =>
        $"'{Cut(result.Text)}'{(result.IsError ? " as an error" : "")}{(result.Images.Length == 0 ? "" : $" with image {string.Join(", ", result.Images.Select(i => Cut(i.Sha256)))}")}";

    private static string Cut(string text) => text.Length <= 80 ? text : text[..80] + "...";

    private async ValueTask EndAsync()
    {
        if (_session is { } session)
        {
            _session = null;
            await session.DisposeAsync();
        }
    }
}
