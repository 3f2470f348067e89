namespace Axpo.Silo.Hosting;

/// <summary>How a silo is hosted in this process.</summary>
public sealed class AxpoHostOptions
{
    /// <summary>Folder of the runs.</summary>
    /// <value><c>runs</c> in the working directory.</value>
    public string RunsFolder { get; set; } = "runs";

    /// <summary>The cluster that this silo is part of; null: it is alone in its process, without Redis.</summary>
    public Cluster.ClusterSettings? Cluster { get; set; }

    /// <summary>Port for other silos, on the cluster's address or the loopback interface; 0: any free one.</summary>
    /// <value>0</value>
    public int SiloPort { get; set; }

    /// <summary>Port for clients, on the cluster's address or the loopback interface; 0: any free one.</summary>
    /// <value>0</value>
    public int GatewayPort { get; set; }

    /// <summary>Seconds that a stop waits for running turns and a checkpoint.</summary>
    /// <value>60</value>
    public int ShutdownSeconds { get; set; } = 60;

    /// <summary>The shipped tools.</summary>
    public ToolsOptions Tools { get; set; } = new();

    /// <summary>Changes to the services, for users' own tools, suites and verifiers; called last.</summary>
    public Action<Microsoft.Extensions.DependencyInjection.IServiceCollection>? ConfigureServices { get; set; }

    /// <summary>Receives log entries of this level and above; null: none.</summary>
    public Action<Microsoft.Extensions.Logging.ILoggingBuilder>? ConfigureLogging { get; set; }
}
