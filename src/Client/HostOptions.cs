using System.CommandLine;
using Axpo.Silo.Cluster;
using Axpo.Silo.Hosting;

namespace Axpo.Client;

/// <summary>Where a command's run is hosted: in this process, on these ports, or by a cluster.</summary>
/// <param name="SiloPort">Port for other silos; 0: any free one.</param>
/// <param name="GatewayPort">Port for clients; 0: any free one.</param>
/// <param name="Cluster">The cluster that hosts it; null: this process.</param>
internal sealed record HostOptions(int SiloPort, int GatewayPort, ClusterSettings? Cluster = null)
{
    private const string FromEnvironment = "env";

    private static readonly Option<string?> Connect = new("--connect") { Description = $"Hosts the run on the cluster with this Redis instead of in this process; --runs names the folder that its silos share. {FromEnvironment}: the Redis in {RedisVariable}.", HelpName = "HOST:PORT" };
    private static readonly Option<string> ClusterName = new("--cluster") { Description = "Name of that cluster.", HelpName = "NAME", DefaultValueFactory = _ => "axpo" };
    private static readonly Option<int> Silo = new("--silo-port") { Description = "Port for other silos, on the loopback interface; 0: any free one.", HelpName = "PORT" };
    private static readonly Option<int> Gateway = new("--gateway-port") { Description = "Port for `axpo runs watch` and other clients, on the loopback interface; 0: any free one.", HelpName = "PORT" };

    /// <summary>Environment variable that names the Redis of a cluster, password and all.</summary>
    public const string RedisVariable = "AXPO_REDIS";

    /// <summary>The Redis of a cluster: as given, or from the environment for <c>env</c> and where nothing is given.</summary>
    /// <exception cref="PreflightException">Neither names one.</exception>
    public static string Redis(string option, string? given)
    {
        var environment = Environment.GetEnvironmentVariable(RedisVariable);
        return given is { Length: > 0 } and not FromEnvironment ? given
            : environment is { Length: > 0 } ? environment
            : throw new PreflightException([new Problem(option, given ?? "", $"names no Redis; give HOST:PORT, or set {RedisVariable}")]);
    }

    /// <summary>Adds the options to a command that starts or resumes a run.</summary>
    public static void AddTo(Command command)
    {
        AddPortsTo(command);
        AddClusterTo(command);
    }

    /// <summary>Adds the ports to a command.</summary>
    public static void AddPortsTo(Command command)
    {
        command.Add(Silo);
        command.Add(Gateway);
    }

    /// <summary>Adds the cluster to a command.</summary>
    public static void AddClusterTo(Command command)
    {
        command.Add(Connect);
        command.Add(ClusterName);
    }

    /// <summary>Reads them.</summary>
    public static HostOptions Of(ParseResult parsed) => new(parsed.GetValue(Silo), parsed.GetValue(Gateway), ClusterOf(parsed));

    /// <summary>Reads the cluster; null: none is named.</summary>
    public static ClusterSettings? ClusterOf(ParseResult parsed) =>
        parsed.GetValue(Connect) is { } redis ? new ClusterSettings { Redis = Redis("--connect", redis), Name = parsed.GetRequiredValue(ClusterName) } : null;
}
