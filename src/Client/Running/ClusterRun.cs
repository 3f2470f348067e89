using Axpo.Grains.Abstractions;
using Axpo.Silo.Cluster;
using Axpo.Silo.Hosting;
using Axpo.Silo.Runs;
using Axpo.Silo.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Runtime;
using StackExchange.Redis;

namespace Axpo.Client.Running;

/// <summary>A run that a cluster hosts. What this process asks it may be lost with a silo, so every question is asked again until <see cref="Patience"/> is over.</summary>
internal sealed class ClusterRun : IAsyncDisposable
{
    /// <summary>How long a cluster may be out of reach before the console gives up following; the run goes on without it.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    /// <summary>A silo that dies with a question takes its answer with it: asked again after this. Above every wait that the console asks for.</summary>
    private static readonly TimeSpan Lost = TimeSpan.FromSeconds(5);

    private readonly IHost _host;
    private readonly IRunGrain _grain;
    private readonly TimeProvider _time;
    private RunRequest? _request;

    private ClusterRun(IHost host, IRunGrain grain, TimeProvider time) => (_host, _grain, _time) = (host, grain, time);

    /// <summary>Connects.</summary>
    /// <exception cref="PreflightException">Redis or the cluster cannot be reached.</exception>
    public static async Task<ClusterRun> ConnectAsync(CommandContext context, ClusterSettings cluster, string run)
    {
        await ClusterPreflight.CheckAsync(cluster, context.Stop);
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Logging.ClearProviders();
        builder.UseOrleansClient(client => client
            .UseRedisClustering(o => o.ConfigurationOptions = cluster.RedisOptions())
            .Configure<ClusterOptions>(o => (o.ClusterId, o.ServiceId) = (cluster.Name, cluster.Name))
            .Configure<ClientMessagingOptions>(o => o.ResponseTimeout = Lost));
        var host = builder.Build();
        try
        {
            await host.StartAsync(context.Stop);
        }
        catch (RedisException e)
        {
            host.Dispose();
            throw ClusterPreflight.Unusable(cluster, e);
        }
        catch (Exception e) when (e is OrleansException or TimeoutException)
        {
            host.Dispose();
            throw new PreflightException([new Problem("--cluster", cluster.Name, $"has no silo that answers ({e.Message}); start one with: axpo silo --redis HOST:PORT", IsEnvironment: true)]);
        }

        return new ClusterRun(host, host.Services.GetRequiredService<IGrainFactory>().GetGrain<IRunGrain>(run), context.Time);
    }

    /// <summary>Starts it, or goes on with it.</summary>
    public Task<RunStatus> BeginAsync(RunRequest request, bool resume) => AskAsync(async () =>
    {
        var status = await _grain.StartAsync(request);
        status = resume ? await _grain.ResumeAsync() : status;
        _request = request;
        return status;
    });

    /// <summary>Waits for its end, at most so long. Where its silo has died, that also has it go on at once instead of at its next reminder.</summary>
    public Task<RunStatus> WaitAsync(TimeSpan atMost) => AskAsync(async () =>
    {
        var status = _request is { } request ? await _grain.StartAsync(request) : await _grain.StatusAsync();
        return status.HasEnded ? status : await _grain.WaitAsync(atMost < Lost / 2 ? atMost : Lost / 2);
    });

    /// <summary>Where it stands.</summary>
    public Task<RunStatus> StatusAsync() => AskAsync(_grain.StatusAsync);

    /// <summary>Asks it to stop.</summary>
    public Task CancelAsync(string reason) => AskAsync(async () =>
    {
        await _grain.CancelAsync(reason);
        return true;
    });

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync(CancellationToken.None);
        _host.Dispose();
    }

    private async Task<T> AskAsync<T>(Func<Task<T>> question)
    {
        var begin = _time.GetTimestamp();
        while (true)
        {
            try
            {
                return await question();
            }
            catch (Exception e) when (LostCalls.IsLost(e) && _time.GetElapsedTime(begin) < Patience)
            {
                await Task.Delay(TimeSpan.FromSeconds(1), _time);
            }
        }
    }
}
