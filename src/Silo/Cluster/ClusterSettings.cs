using System.Net;
using Axpo.Grains.Placement;
using StackExchange.Redis;

namespace Axpo.Silo.Cluster;

/// <summary>How a silo, or a client, joins a cluster.</summary>
public sealed record ClusterSettings
{
    /// <summary>Redis that holds membership, grain states, reminders and the journal of turns: <c>host:port</c>, further options as StackExchange.Redis reads them.</summary>
    public required string Redis { get; init; }

    /// <summary>Name of the cluster: several may share a Redis.</summary>
    public string Name { get; init; } = "axpo";

    /// <summary>This silo's name, unique among the live ones; its engine is addressed by it.</summary>
    public string Silo { get; init; } = Environment.MachineName;

    /// <summary>What this silo does.</summary>
    public IReadOnlyList<string> Roles { get; init; } = SiloRoles.All;

    /// <summary>Address at which the others reach this silo.</summary>
    public IPAddress Address { get; init; } = IPAddress.Loopback;

    /// <summary>Pause between two probes of a silo, and how long one may take. Below real stalls of a machine it declares living silos dead.</summary>
    public TimeSpan ProbeTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Missed probes until a silo is declared dead.</summary>
    public int MissedProbes { get; init; } = 3;

    /// <summary>Longest that a silo which reaches neither Redis nor any other silo goes on: it stops then (<see cref="IsolationWatch"/>).</summary>
    public TimeSpan IsolationBound => (ProbeTimeout * MissedProbes) + TimeSpan.FromSeconds(10);

    /// <summary>How Redis is reached: it is tried again and again, so that a restart of Redis is an outage and no end.</summary>
    public ConfigurationOptions RedisOptions()
    {
        var options = ConfigurationOptions.Parse(Redis);
        options.AbortOnConnectFail = false;
        return options;
    }
}
