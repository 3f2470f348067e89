using System.Net;
using Axpo.Grains.Abstractions;
using Axpo.Silo.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Hosting;

namespace Axpo.Client.Running;

/// <summary>A run that another process on this machine hosts.</summary>
internal sealed class RemoteRun : IAsyncDisposable
{
    private readonly IHost _host;

    private RemoteRun(IHost host, IRunGrain grain) => (_host, Grain) = (host, grain);

    /// <summary>The run.</summary>
    public IRunGrain Grain { get; }

    /// <summary>Connects to the process that hosts a run.</summary>
    public static async Task<RemoteRun> ConnectAsync(RunProcess process, string run, CancellationToken cancellationToken)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Logging.ClearProviders();
        builder.UseOrleansClient(client => client.UseLocalhostClustering(process.GatewayPort, AxpoHost.Cluster, AxpoHost.Cluster));
        var host = builder.Build();
        await host.StartAsync(cancellationToken);
        return new RemoteRun(host, host.Services.GetRequiredService<IGrainFactory>().GetGrain<IRunGrain>(run));
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync(CancellationToken.None);
        _host.Dispose();
    }
}
