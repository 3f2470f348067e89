using System.Net;
using System.Net.Sockets;

namespace Axpo.Silo.Hosting;

/// <summary>Ports on the loopback interface.</summary>
internal static class Ports
{
    /// <summary>The port asked for, or a free one for 0.</summary>
    /// <exception cref="PreflightException">The port is in use, or none is free.</exception>
    public static int Resolve(string field, int port)
    {
        var listener = new TcpListener(IPAddress.Loopback, port);
        try
        {
            listener.Start();
            return ((IPEndPoint)listener.LocalEndpoint).Port;
        }
        catch (SocketException e)
        {
            throw new PreflightException([new Problem(field, port.ToString(System.Globalization.CultureInfo.InvariantCulture), $"the port cannot be used ({e.SocketErrorCode}); choose another, or 0 for any free one", IsEnvironment: true)]);
        }
        finally
        {
            listener.Stop();
        }
    }
}
