using System.CommandLine;
using System.Net;
using Axpo.Grains.Placement;
using Axpo.Silo.Cluster;
using Axpo.Silo.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Spectre.Console;

namespace Axpo.Client.Commands;

/// <summary><c>axpo silo</c>: a silo of a cluster, until it is stopped.</summary>
internal static class SiloCommand
{
    private const string TokenVariable = "AXPO_HEALTH_TOKEN";

    public static Command Create(CommandContext context)
    {
        var options = new ConfigurationOptions(context);
        var redis = new Option<string?>("--redis") { Description = $"Redis of the cluster: HOST:PORT. One with a password belongs into {HostOptions.RedisVariable} instead, where other users of this machine cannot read it.", HelpName = "HOST:PORT" };
        var cluster = new Option<string>("--cluster") { Description = "Name of the cluster.", HelpName = "NAME", DefaultValueFactory = _ => "axpo" };
        var name = new Option<string>("--name") { Description = "Name of this silo, unique in the cluster; default: the machine's.", HelpName = "NAME", DefaultValueFactory = _ => Environment.MachineName };
        var roles = new Option<string>("--roles") { Description = $"What this silo does, joined by commas: {string.Join(", ", SiloRoles.All)}.", HelpName = "ROLES", DefaultValueFactory = _ => string.Join(',', SiloRoles.All) };
        var address = new Option<string>("--address") { Description = "Address at which the other silos reach this one.", HelpName = "IP", DefaultValueFactory = _ => "127.0.0.1" };
        var healthAddress = new Option<string>("--health-address") { Description = $"Address of the health endpoints; beyond the loopback interface they ask for the bearer token in {TokenVariable}.", HelpName = "IP", DefaultValueFactory = _ => "127.0.0.1" };
        var healthPort = new Option<int>("--health-port") { Description = "Port of the health endpoints; 0: any free one.", HelpName = "PORT" };
        var supervise = new Option<bool>("--supervise") { Description = "Starts the silo in a process of its own, and again whenever that process ends unasked." };
        var command = new Command("silo", "Runs a silo of a cluster until it is stopped; --runs names the folder that all silos share.") { redis, cluster, name, roles, address, healthAddress, healthPort, supervise };
        options.AddTo(command, "--algorithm", "--conventions", "--model", "--seed", "--steps");
        HostOptions.AddPortsTo(command);
        return command.Does(async (parsed, _) =>
        {
            if (parsed.GetValue(supervise))
            {
                return await Supervisor.RunAsync(context, [.. Environment.GetCommandLineArgs().Skip(1).Where(a => a != "--supervise")]);
            }

            var settings = new ClusterSettings
            {
                Redis = HostOptions.Redis("--redis", parsed.GetValue(redis)),
                Name = parsed.GetRequiredValue(cluster),
                Silo = parsed.GetRequiredValue(name),
                Roles = Roles(parsed.GetRequiredValue(roles)),
                Address = Address("--address", parsed.GetRequiredValue(address)),
            };
            var health = new HealthOptions
            {
                Address = Address("--health-address", parsed.GetRequiredValue(healthAddress)),
                Port = parsed.GetValue(healthPort),
                Token = Environment.GetEnvironmentVariable(TokenVariable) is { Length: > 0 } token ? token : null,
            };
            HealthServer.Check(health);
            await ClusterPreflight.CheckAsync(settings, context.Stop);
            return await RunAsync(context, settings, health, options.Load(parsed).Configuration.Tools, new HostOptions(parsed.GetValue<int>("--silo-port"), parsed.GetValue<int>("--gateway-port")));
        });
    }

    private static async Task<ExitCode> RunAsync(CommandContext context, ClusterSettings settings, HealthOptions health, ToolsOptions tools, HostOptions ports)
    {
        Directory.CreateDirectory(context.Folders.Root);
        var log = new FileLog(Path.Combine(context.Folders.Root, $"silo-{settings.Silo}.log"), TimeProvider.System);
        await using var closing = log;
        await using var silo = await AxpoHost.StartAsync(
            new AxpoHostOptions
            {
                RunsFolder = context.Folders.Root,
                Cluster = settings,
                SiloPort = ports.SiloPort,
                GatewayPort = ports.GatewayPort,
                Tools = tools,
                ConfigureServices = services => Clocks.Use(services, context.Time),
                ConfigureLogging = logging => logging.AddProvider(log).SetMinimumLevel(LogLevel.Warning).AddFilter("Axpo", context.Verbose ? LogLevel.Debug : LogLevel.Information),
            },
            context.Stop);
        var state = silo.Services.GetRequiredService<SiloHealth>();
        await using var server = await HealthServer.StartAsync(health, state, context.Stop);
        if (context.Json)
        {
            context.WriteJsonLine(new { silo = settings.Silo, cluster = settings.Name, roles = settings.Roles, health = server.Address });
        }
        else
        {
            context.Console.WriteLine($"silo '{settings.Silo}' of cluster '{settings.Name}' is up ({string.Join(", ", settings.Roles)}); health: {server.Address}health/ready; Ctrl-C drains it");
        }

        try
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, silo.Ended(context.Stop));
        }
        catch (OperationCanceledException)
        {
            if (state.IsIsolated)
            {
                // An orderly end would ask Redis and the others, for minutes, and none of them answers. Nothing of this silo counts any more.
                var failed = Errors.Say(context, ExitCode.Failed, $"silo '{settings.Silo}' reaches neither Redis nor another silo; the others go on without it");
                await log.DisposeAsync();
                Environment.Exit((int)failed);
            }

            state.IsDraining = true;
        }

        // The health endpoint says "draining" meanwhile.
        await silo.StopAsync();

        return context.Stop.IsCancellationRequested ? ExitCode.Done : Errors.Say(context, ExitCode.Failed, $"silo '{settings.Silo}' was declared dead by the others, or has failed; see {context.Folders.Root}/silo-{settings.Silo}.log");
    }

    private static string[] Roles(string text)
    {
        string[] roles = [.. text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Distinct(StringComparer.Ordinal)];
        return roles.Length == 0
            ? throw new PreflightException([new Problem("--roles", text, $"names no role; there are {string.Join(", ", SiloRoles.All)}")])
            : roles.FirstOrDefault(r => !SiloRoles.All.Contains(r)) is { } unknown
                ? throw new PreflightException([new Problem("--roles", unknown, "unknown" + NearestName.Hint(unknown, SiloRoles.All))])
                : roles;
    }

    private static IPAddress Address(string option, string text) =>
        IPAddress.TryParse(text, out var address) ? address : throw new PreflightException([new Problem(option, text, "is no IP address, for example 127.0.0.1 or 10.0.0.5")]);
}
