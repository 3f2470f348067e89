using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Axpo.Silo.Hosting;

/// <summary>Ports on an interface of this machine.</summary>
internal static class Ports
{
    /// <summary>The ports asked for, or free ones for 0; two different ones.</summary>
    /// <exception cref="PreflightException">A port is none, or in use, or none is free.</exception>
    public static (int First, int Second) Resolve(IPAddress address, (string Field, int Port) first, (string Field, int Port) second)
    {
        using var a = Listen(address, first.Field, first.Port);
        using var b = Listen(address, second.Field, second.Port);
        return (((IPEndPoint)a.LocalEndpoint).Port, ((IPEndPoint)b.LocalEndpoint).Port);
    }

    private static TcpListener Listen(IPAddress address, string field, int port)
    {
        if (port is < IPEndPoint.MinPort or > IPEndPoint.MaxPort)
        {
            throw new PreflightException([new Problem(field, port.ToString(CultureInfo.InvariantCulture), $"expected a port from 1 to {IPEndPoint.MaxPort}, or 0 for any free one")]);
        }

        var listener = new TcpListener(address, port);
        try
        {
            listener.Start();
            return listener;
        }
        catch (SocketException e)
        {
            listener.Dispose();
            throw new PreflightException([new Problem(field, port.ToString(CultureInfo.InvariantCulture), $"the port cannot be used ({e.SocketErrorCode}); choose another, or 0 for any free one", IsEnvironment: true)]);
        }
    }
}
