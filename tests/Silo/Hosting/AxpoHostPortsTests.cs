using System.Net;
using System.Net.Sockets;
using Axpo.Silo.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Configuration;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Hosting;

/// <summary>Another process may take a port between its choice and its use.</summary>
public sealed class AxpoHostPortsTests : IDisposable
{
    private readonly List<TcpListener> _others = [];
    private readonly string _runs = Directory.CreateTempSubdirectory("axpo-ports-").FullName;

    public void Dispose()
    {
        _others.ForEach(o => o.Dispose());
        Directory.Delete(_runs, recursive: true);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_free_port_that_is_taken_meanwhile_gives_way_to_another(bool isSilo)
    {
        await using var host = await AxpoHost.StartAsync(Options(isSilo, times: 2), TestContext.Current.CancellationToken);

        _others.Count.ShouldBe(2);
        _others.ShouldAllBe(o => ((IPEndPoint)o.LocalEndpoint).Port != host.GatewayPort);
    }

    [Fact]
    public async Task Where_every_one_is_taken_it_gives_up() =>
        (await Should.ThrowAsync<Exception>(() => AxpoHost.StartAsync(Options(isSilo: true, times: int.MaxValue), TestContext.Current.CancellationToken)))
            .GetBaseException().ShouldBeOfType<SocketException>().SocketErrorCode.ShouldBe(SocketError.AddressAlreadyInUse);

    private AxpoHostOptions Options(bool isSilo, int times) => new()
    {
        RunsFolder = _runs,
        ConfigureServices = services => services.PostConfigure<EndpointOptions>(o =>
        {
            if (_others.Count < times)
            {
                var other = new TcpListener(IPAddress.Loopback, isSilo ? o.SiloPort : o.GatewayPort);
                other.Start();
                _others.Add(other);
            }
        }),
    };
}
