using Axpo.Grains.Placement;
using Orleans.Concurrency;

namespace Axpo.Grains.Tools;

/// <summary>A stateless tool: as many workers a silo as there are processors, each with one session that is opened on first use.</summary>
[StatelessWorker]
[SiloRole(SiloRoles.Episodes)]
internal sealed class StatelessToolGrain(IRunServices services, ToolPipelines pipelines) : Grain, IStatelessToolGrain
{
    private IToolSession? _session;

    async Task<ToolCallResult> IStatelessToolGrain.InvokeAsync(ToolCallRequest request)
    {
        var name = this.GetPrimaryKeyString();
        if (services.Tool(name) is not { } tool)
        {
            return new ToolCallResult
            {
                Status = ToolCallStatus.Unavailable,
                Cause = VoidCause.ToolUnavailable,
                Detail = $"there is no tool '{name}' on this silo; register it on every silo",
            };
        }

        var session = _session;
        _session = null;
        var (result, kept) = await InvokeAsync(tool, session, request);
        _session = kept;
        return result;
    }

    /// <inheritdoc/>
    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        var session = _session;
        _session = null;
        return session is null ? Task.CompletedTask : Task.Run(() => session.DisposeAsync().AsTask(), CancellationToken.None);
    }

    private async Task<(ToolCallResult Result, IToolSession? Session)> InvokeAsync(ITool tool, IToolSession? session, ToolCallRequest request)
    {
        var result = await pipelines.ExecuteAsync(tool, Call, CancellationToken.None);
        return (result, session);

        async Task<ToolCallResult> Call(CancellationToken cancellationToken)
        {
            try
            {
                session ??= await tool.OpenAsync(new ToolSessionContext(tool.Spec.Name, request.Chance), cancellationToken);
                return new ToolCallResult { Status = ToolCallStatus.Done, Result = await session.InvokeAsync(request.Invocation, cancellationToken) };
            }
            catch
            {
                if (session is { } failed)
                {
                    session = null;
                    await failed.DisposeAsync();
                }

                throw;
            }
        }
    }
}
