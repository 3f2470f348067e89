using System.Collections.Concurrent;

namespace Axpo.Testing;

/// <summary>A call that a fake tool is asked for.</summary>
/// <param name="Session">Session: the grain key of the stateful tool.</param>
/// <param name="Index">Calls that the session has answered before.</param>
/// <param name="Arguments">Arguments as the policy wrote them.</param>
/// <param name="Chance">Key of chance of the session.</param>
public sealed record FakeToolCall(string Session, int Index, string Arguments, ChanceKey Chance)
{
    /// <summary>The images that the episode had seen.</summary>
    public IReadOnlyList<ImageRef> Images { get; init; } = [];
}

/// <summary>A tool with scripted results, outages and latency gates.</summary>
/// <param name="name">Name.</param>
/// <param name="answer">The result of a call; may throw <see cref="ToolUnavailableException"/>.</param>
/// <param name="isStateful">Whether sessions are per episode.</param>
public sealed class FakeTool(string name, Func<FakeToolCall, ToolResult> answer, bool isStateful = true) : ITool
{
    private readonly ConcurrentQueue<FakeToolCall> _calls = new();
    private int _failures;
    private readonly Lock _sessions = new();
    private TaskCompletionSource _allClosed = Closing(isOver: true);
    private int _opened;
    private int _closed;

    /// <inheritdoc/>
    public ToolSpec Spec { get; } = new(name, "a fake tool", [new ToolParameter("x", "string", true, "anything")]);

    /// <inheritdoc/>
    public bool IsStateful => isStateful;

    /// <summary>While set, every call finds the tool down.</summary>
    public ToolUnavailableException? Outage { get; set; }

    /// <summary>Awaited inside every call, with the token that ends it.</summary>
    public Func<FakeToolCall, CancellationToken, Task>? Gate { get; set; }

    /// <summary>Every call that reached the tool, in order of arrival.</summary>
    public IReadOnlyCollection<FakeToolCall> Calls => _calls;

    /// <summary>Sessions opened.</summary>
    public int Opened => Volatile.Read(ref _opened);

    /// <summary>Sessions closed.</summary>
    public int Closed => Volatile.Read(ref _closed);

    /// <summary>Completes when no session is open.</summary>
    public Task AllClosed
    {
        get
        {
            lock (_sessions)
            {
                return _allClosed.Task;
            }
        }
    }

    /// <summary>The next so many calls fail as transient.</summary>
    public void FailNext(int calls) => Interlocked.Exchange(ref _failures, calls);

    /// <inheritdoc/>
    public Task<ToolProbe> ProbeAsync(CancellationToken cancellationToken) =>
        Task.FromResult(Outage is { } outage ? new ToolProbe(false, outage.Message, "end the outage") : new ToolProbe(true, "fake"));

    /// <inheritdoc/>
    public Task<IToolSession> OpenAsync(ToolSessionContext context, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(context);
        lock (_sessions)
        {
            if (_opened++ == _closed)
            {
                _allClosed = Closing(isOver: false);
            }
        }

        return Task.FromResult<IToolSession>(new Session(this, context));
    }

    private sealed class Session(FakeTool tool, ToolSessionContext context) : IToolSession
    {
        private int _index;

        public async Task<ToolResult> InvokeAsync(ToolInvocation invocation, CancellationToken cancellationToken)
        {
            var call = new FakeToolCall(context.Episode, _index, invocation.Arguments, context.Chance) { Images = invocation.Images };
            tool._calls.Enqueue(call);
            if (tool.Gate is { } gate)
            {
                await gate(call, cancellationToken);
            }

            if (tool.Outage is { } outage)
            {
                throw new ToolUnavailableException(outage.Message, outage.IsTransient);
            }

            if (Interlocked.Decrement(ref tool._failures) >= 0)
            {
                throw new ToolUnavailableException("a transient fault", isTransient: true);
            }

            var result = tool.Answer(call);
            _index++;
            return result;
        }

        public ValueTask DisposeAsync()
        {
            lock (tool._sessions)
            {
                if (++tool._closed == tool._opened)
                {
                    tool._allClosed.SetResult();
                }
            }

            return ValueTask.CompletedTask;
        }
    }

    private static TaskCompletionSource Closing(bool isOver)
    {
        var closing = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (isOver)
        {
            closing.SetResult();
        }

        return closing;
    }

    private ToolResult Answer(FakeToolCall call) => answer(call);
}
