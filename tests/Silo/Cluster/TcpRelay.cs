using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Axpo.Silo.Tests.Cluster;

/// <summary>A port that forwards to another one, until it is cut: connections end then, new ones are refused.</summary>
internal sealed class TcpRelay : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _cut = new();
    private readonly string _host;
    private readonly int _port;
    private readonly Task _accepting;

    /// <summary>Forwards to <c>host:port</c>.</summary>
    public TcpRelay(string target)
    {
        (_host, _port) = (target.Split(':')[0], int.Parse(target.Split(':')[1], CultureInfo.InvariantCulture));
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>Where it listens.</summary>
    public string Address => _listener.LocalEndpoint.ToString()!;

    /// <summary>Cuts every connection for good.</summary>
    public void Cut()
    {
        _cut.Cancel();
        _listener.Stop();
    }

    public async ValueTask DisposeAsync()
    {
        Cut();
        await _accepting;
        _cut.Dispose();
    }

    private async Task AcceptAsync()
    {
        var connections = new List<Task>();
        try
        {
            while (true)
            {
                connections.Add(ForwardAsync(await _listener.AcceptTcpClientAsync(_cut.Token)));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(connections);
        }
    }

    private async Task ForwardAsync(TcpClient incoming)
    {
        using var from = incoming;
        using var to = new TcpClient();
        try
        {
            await to.ConnectAsync(_host, _port, _cut.Token);
            await Task.WhenAny(from.GetStream().CopyToAsync(to.GetStream(), _cut.Token), to.GetStream().CopyToAsync(from.GetStream(), _cut.Token));
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or IOException)
        {
            _ = e;
        }
    }
}
