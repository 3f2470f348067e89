using System.Net;
using System.Security.Cryptography;
using System.Text;
using Axpo.Silo.Hosting;
using Axpo.Silo.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Axpo.Silo.Cluster;

/// <summary>Where a silo answers <c>GET /health/live</c> and <c>/health/ready</c> (200, or 503 with the reasons).</summary>
public sealed record HealthOptions
{
    /// <summary>Address to listen on.</summary>
    public IPAddress Address { get; init; } = IPAddress.Loopback;

    /// <summary>Port; 0: any free one.</summary>
    public int Port { get; init; }

    /// <summary>Bearer token that callers must show; null: none, which is allowed on the loopback interface only.</summary>
    public string? Token { get; init; }
}

/// <summary>The health endpoints of a silo, on a listener of their own.</summary>
public sealed class HealthServer : IAsyncDisposable
{
    private readonly WebApplication _application;

    private HealthServer(WebApplication application) => _application = application;

    /// <summary>Where it listens.</summary>
    public Uri Address => new(_application.Urls.First());

    /// <summary>Starts to listen.</summary>
    /// <exception cref="PreflightException">The address is open to others and no token was given, or the port cannot be used.</exception>
    public static async Task<HealthServer> StartAsync(HealthOptions options, SiloHealth health, CancellationToken cancellationToken)
    {
        Check(options);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(options.Address, options.Port));
        var application = builder.Build();
        if (options.Token is { } token)
        {
            application.Use((context, next) =>
            {
                if (IsAllowed(context.Request, token))
                {
                    return next();
                }

                context.Response.StatusCode = StatusCodes.Status401Unauthorized;
                context.Response.Headers.WWWAuthenticate = "Bearer";
                return Task.CompletedTask;
            });
        }

        application.MapGet("/health/live", () => Results.Text("live"));
        application.MapGet("/health/ready", async (CancellationToken stop) =>
        {
            var report = await health.ReportAsync(stop);
            return Results.Json(report, AxpoJson.Line, statusCode: report.IsReady ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
        });
        try
        {
            await application.StartAsync(cancellationToken);
        }
        catch (IOException e)
        {
            await application.DisposeAsync();
            throw new PreflightException([new Problem("--health-port", FormattableString.Invariant($"{options.Port}"), $"the port cannot be used ({e.Message}); choose another, or 0 for any free one", IsEnvironment: true)]);
        }

        return new HealthServer(application);
    }

    /// <summary>What keeps the endpoints from being served.</summary>
    /// <exception cref="PreflightException">The address is open to others and no token was given.</exception>
    public static void Check(HealthOptions options)
    {
        if (options.Token is null && !IPAddress.IsLoopback(options.Address))
        {
            throw new PreflightException([new Problem("--health-address", options.Address.ToString(), "others can reach this address: set a bearer token in AXPO_HEALTH_TOKEN, or listen on 127.0.0.1")]);
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _application.DisposeAsync();

    private static bool IsAllowed(HttpRequest request, string token) =>
        CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(request.Headers.Authorization.ToString()), Encoding.UTF8.GetBytes("Bearer " + token));
}
