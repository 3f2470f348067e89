using Axpo.Grains.Operations;
using Axpo.Grains.Placement;

namespace Axpo.Grains.Tools;

/// <summary>A stateful tool's session for one episode.</summary>
[SiloRole(SiloRoles.Episodes)]
internal sealed class ToolGrain(IRunServices services, ToolPipelines pipelines, TimeProvider time) : Grain, IToolGrain
{
    private ToolSession? _session;
    private StoredOperation<ToolCallResult>? _operation;

    async Task<Pending<ToolCallResult>> IToolGrain.StartAsync(ToolCallRequest request)
    {
        var id = OperationId(request.Attempt, request.Index);
        if (_operation is { } known && known.Id == id && !IsCancelled(known))
        {
            return known.Now;
        }

        if (_session is { } old && old.Attempt != request.Attempt)
        {
            await CloseSessionAsync();
        }

        if (services.Tool(ToolName()) is not { } tool)
        {
            return Pending<ToolCallResult>.Done(new ToolCallResult
            {
                Status = ToolCallStatus.Unavailable,
                Cause = VoidCause.ToolUnavailable,
                Detail = $"there is no tool '{ToolName()}' on this silo; register it on every silo",
            });
        }

        _session ??= new ToolSession(tool, request, this.GetPrimaryKeyString());
        if (request.Index < _session.Calls)
        {
            return Pending<ToolCallResult>.Done(new ToolCallResult { Status = ToolCallStatus.Done, Result = _session.Answered(request.Index) });
        }

        if (request.Index > _session.Calls)
        {
            return Pending<ToolCallResult>.Done(new ToolCallResult { Status = ToolCallStatus.SessionLost });
        }

        var session = _session;
        _operation?.Dispose();
        _operation = StoredOperation<ToolCallResult>.Start(id, ct => pipelines.ExecuteAsync(tool, token => session.InvokeAsync(request, token), ct));
        return _operation.Now;
    }

    Task<Pending<ToolCallResult>> IToolGrain.WaitAsync(int attempt, int index, TimeSpan atMost) =>
        _operation is { } operation && operation.Id == OperationId(attempt, index)
            ? operation.WaitAsync(atMost, time)
            : Task.FromResult(Pending<ToolCallResult>.Unknown);

    Task IToolGrain.CancelAsync()
    {
        _operation?.Cancel();
        return Task.CompletedTask;
    }

    async Task IToolGrain.CloseAsync()
    {
        await CloseSessionAsync();
        DeactivateOnIdle();
    }

    /// <inheritdoc/>
    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken) => CloseSessionAsync();

    private static bool IsCancelled(StoredOperation<ToolCallResult> operation) => operation.Now.Result is { Status: ToolCallStatus.Cancelled };

    private static string OperationId(int attempt, int index) => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{attempt}.{index}");

    private string ToolName()
    {
        var key = this.GetPrimaryKeyString();
        return key[..key.IndexOf('/', StringComparison.Ordinal)];
    }

    private async Task CloseSessionAsync()
    {
        if (_operation is { } operation)
        {
            _operation = null;
            await operation.EndAsync(TimeSpan.FromSeconds(5), time);
            operation.Dispose();
        }

        if (_session is { } session)
        {
            _session = null;
            await Task.Run(() => session.DisposeAsync().AsTask());
        }
    }
}
