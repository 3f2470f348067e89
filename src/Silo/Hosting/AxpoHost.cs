using System.Net;
using System.Net.Sockets;
using Axpo.Grains.Abstractions;
using Axpo.Silo.Cluster;
using Axpo.Silo.Faults;
using Axpo.Silo.Runs;
using Axpo.Silo.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Hosting;
using StackExchange.Redis;

namespace Axpo.Silo.Hosting;

/// <summary>A silo in this process: alone, with the runs that it hosts and its ports on the loopback interface, or part of a cluster.</summary>
public sealed class AxpoHost : IAsyncDisposable
{
    private readonly IHost _host;
    private bool _isStopped;

    private const int MostAttempts = 5;

    private AxpoHost(IHost host, int gatewayPort) => (_host, GatewayPort) = (host, gatewayPort);

    /// <summary>Port for clients, such as <c>axpo runs watch</c> in another terminal.</summary>
    public int GatewayPort { get; }

    /// <summary>Services of the silo.</summary>
    public IServiceProvider Services => _host.Services;

    /// <summary>Grains.</summary>
    public IGrainFactory Grains => Services.GetRequiredService<IGrainFactory>();

    /// <summary>Starts a silo.</summary>
    /// <exception cref="PreflightException">A port cannot be used, or Redis stores nothing.</exception>
    public static async Task<AxpoHost> StartAsync(AxpoHostOptions options, CancellationToken cancellationToken)
    {
        FaultInjection.ArmFromEnvironment();
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await TryStartAsync(options, cancellationToken);
            }
            catch (Exception e) when (e.GetBaseException() is SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse } && attempt < MostAttempts && (options.SiloPort == 0 || options.GatewayPort == 0))
            {
                // A free port was taken by another process between its choice and its use; others are free.
            }
        }
    }

    private static async Task<AxpoHost> TryStartAsync(AxpoHostOptions options, CancellationToken cancellationToken)
    {
        var (siloPort, gatewayPort) = Ports.Resolve(options.Cluster?.Address ?? IPAddress.Loopback, ("host.siloPort", options.SiloPort), ("host.gatewayPort", options.GatewayPort));
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Logging.ClearProviders();
        options.ConfigureLogging?.Invoke(builder.Logging);
        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromSeconds(options.ShutdownSeconds));
        builder.UseOrleans(silo =>
        {
            silo.AddAxpo(new RunFolders(Path.GetFullPath(options.RunsFolder)), options.Tools);
            if (options.Cluster is { } cluster)
            {
                silo.UseAxpoCluster(cluster, siloPort, gatewayPort);
            }
            else
            {
                silo.UseLocalhostClustering(siloPort, gatewayPort, new IPEndPoint(IPAddress.Loopback, siloPort), Cluster, Cluster).UseInMemoryReminderService();
            }
        });
        options.ConfigureServices?.Invoke(builder.Services);
        var host = builder.Build();
        try
        {
            await host.StartAsync(cancellationToken);
        }
        catch (RedisException e) when (options.Cluster is not null)
        {
            await DisposeAsync(host);
            throw ClusterPreflight.Unusable(options.Cluster, e);
        }
        catch
        {
            await DisposeAsync(host);
            throw;
        }

        return new AxpoHost(host, gatewayPort);
    }

    /// <summary>Name of the cluster and of the service that an embedded silo is.</summary>
    public const string Cluster = "axpo";

    /// <summary>Creates a run, hosts it here and starts it.</summary>
    /// <exception cref="PreflightException">The run exists, or is hosted by another process.</exception>
    public async Task<HostedRun> StartRunAsync(RunManifest manifest, RunRequest request, CancellationToken cancellationToken)
    {
        var folders = Services.GetRequiredService<RunFolders>();
        Directory.CreateDirectory(folders.Of(manifest.Name));
        return await HostAsync(manifest, async grain =>
        {
            await Services.GetRequiredService<RunManifests>().CreateAsync(manifest, cancellationToken);
            await grain.StartAsync(request);
        });
    }

    /// <summary>Hosts an interrupted, failed or cancelled run here and goes on with it.</summary>
    /// <exception cref="KeyNotFoundException">There is no such run.</exception>
    /// <exception cref="PreflightException">It is hosted by another process.</exception>
    public Task<HostedRun> ResumeRunAsync(RunManifest manifest) => HostAsync(manifest, async grain =>
    {
        // A run that was killed between its manifest and its start has no state yet: starting changes nothing for all others.
        await grain.StartAsync(manifest.Request ?? new RunRequest { Kind = manifest.Kind });
        await grain.ResumeAsync();
    });

    /// <summary>Cancelled when the silo has ended by itself (the others declared it dead), or when a stop is asked for.</summary>
    public CancellationToken Ended(CancellationToken stop) =>
        CancellationTokenSource.CreateLinkedTokenSource(Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping, stop).Token;

    /// <summary>Stops the silo: running turns end first.</summary>
    public async Task StopAsync()
    {
        if (!_isStopped)
        {
            _isStopped = true;
            await _host.StopAsync(CancellationToken.None);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await DisposeAsync(_host);
    }

    private async Task<HostedRun> HostAsync(RunManifest manifest, Func<IRunGrain, Task> begin)
    {
        var claim = RunClaim.Take(Services.GetRequiredService<RunFolders>(), manifest.Name, GatewayPort);
        try
        {
            var grain = Grains.GetGrain<IRunGrain>(manifest.Name);
            await begin(grain);
            return new HostedRun(manifest, grain, claim);
        }
        catch
        {
            claim.Dispose();
            throw;
        }
    }

    private static async ValueTask DisposeAsync(IHost host)
    {
        if (host is IAsyncDisposable disposable)
        {
            await disposable.DisposeAsync();
        }
        else
        {
            host.Dispose();
        }
    }
}
