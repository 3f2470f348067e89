using Axpo.Silo.Cluster;
using Axpo.Silo.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Orleans.Configuration;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Cluster;

public sealed class IsolationTests : IDisposable
{
    /// <summary>Far above the bound of the silo in the test, which is under 13 s.</summary>
    private static readonly TimeSpan Liveness = TimeSpan.FromMinutes(3);

    private readonly TempFolder _folder = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_silo_that_is_cut_off_from_Redis_and_the_others_stops_within_its_bound_and_the_others_go_on()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var relay = new TcpRelay(redis.Address);
        await using var other = await AxpoHost.StartAsync(Options(redis.Cluster("other")), Token);
        var cut = new Wire();
        var options = Options(redis.Cluster("lone") with { Redis = relay.Address, ProbeTimeout = TimeSpan.FromSeconds(1) });
        options.ConfigureServices += services => services.Replace(ServiceDescriptor.Singleton<IReachability>(p => new CutReachability(ActivatorUtilities.CreateInstance<SiloReachability>(p), cut)));
        var lone = await AxpoHost.StartAsync(options, Token);
        lone.Ended(CancellationToken.None).IsCancellationRequested.ShouldBeFalse();

        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var registration = lone.Ended(CancellationToken.None).Register(ended.SetResult);
        relay.Cut();
        cut.IsCut = true;

        await ended.Task.WaitAsync(Liveness, Token);
        lone.Services.GetRequiredService<SiloHealth>().IsIsolated.ShouldBeTrue();
        other.Ended(CancellationToken.None).IsCancellationRequested.ShouldBeFalse();
        (await other.Services.GetRequiredService<SiloHealth>().ReportAsync(Token)).IsReady.ShouldBeTrue();
    }

    // The lone host is not disposed of: Orleans would ask Redis and the others first, for two minutes, and a silo's process ends at once instead.
    // Nor does either declare the other dead, on a machine that stalls: that ends a process, and both are this one.
    private AxpoHostOptions Options(ClusterSettings cluster) => new()
    {
        RunsFolder = _folder.Path,
        Cluster = cluster,
        ShutdownSeconds = 1,
        ConfigureServices = services => services.Configure<ClusterMembershipOptions>(o => o.LivenessEnabled = false),
    };

    /// <summary>The wire to the other silos: both live in this process, where only the test can cut it. Redis goes through the relay.</summary>
    private sealed class Wire
    {
        public bool IsCut { get; set; }
    }

    private sealed class CutReachability(IReachability reachability, Wire wire) : IReachability
    {
        public async ValueTask<bool> ReachesAnybodyAsync(CancellationToken cancellationToken) => !wire.IsCut && await reachability.ReachesAnybodyAsync(cancellationToken);
    }
}
