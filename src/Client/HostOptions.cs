using System.CommandLine;

namespace Axpo.Client;

/// <summary>Ports of the silo that a command hosts.</summary>
/// <param name="SiloPort">Port for other silos; 0: any free one.</param>
/// <param name="GatewayPort">Port for clients; 0: any free one.</param>
internal sealed record HostOptions(int SiloPort, int GatewayPort)
{
    private static readonly Option<int> Silo = new("--silo-port") { Description = "Port for other silos, on the loopback interface; 0: any free one.", HelpName = "PORT" };
    private static readonly Option<int> Gateway = new("--gateway-port") { Description = "Port for `axpo runs watch` and other clients, on the loopback interface; 0: any free one.", HelpName = "PORT" };

    /// <summary>Adds the options to a command.</summary>
    public static void AddTo(Command command)
    {
        command.Add(Silo);
        command.Add(Gateway);
    }

    /// <summary>Reads them.</summary>
    public static HostOptions Of(ParseResult parsed) => new(parsed.GetValue(Silo), parsed.GetValue(Gateway));
}
