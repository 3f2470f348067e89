using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Axpo.Silo.Cluster;
using StackExchange.Redis;
using Xunit;

namespace Axpo.Silo.Tests.Cluster;

/// <summary>A Redis of its own on a free port, durable as docs/reliability.md asks for; gone with the test.</summary>
public sealed class RedisServer : IAsyncDisposable
{
    private static readonly TimeSpan Liveness = TimeSpan.FromSeconds(30);
    private readonly string _folder = Directory.CreateTempSubdirectory("axpo-redis-").FullName;
    private readonly int _port;
    private Process? _process;

    private RedisServer(int port) => _port = port;

    /// <summary>How clients reach it.</summary>
    public string Address => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{_port}");

    /// <summary>Settings of a cluster on it.</summary>
    public ClusterSettings Cluster(string silo = "a") => new() { Redis = Address, Silo = silo };

    /// <summary>Starts one; skips the test where redis-server is not installed.</summary>
    public static async Task<RedisServer> StartAsync()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/redis-server"), "redis-server is not installed (Debian: apt install redis-server)");
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var server = new RedisServer(((IPEndPoint)listener.LocalEndpoint).Port);
        listener.Stop();
        await server.BeginAsync();
        return server;
    }

    /// <summary>Starts it again after <see cref="Kill"/>, with what it had stored.</summary>
    public async Task BeginAsync()
    {
        string[] arguments = ["--port", _port.ToString(CultureInfo.InvariantCulture), "--bind", "127.0.0.1", "--dir", _folder, "--appendonly", "yes", "--appendfsync", "always", "--save", ""];
        _process = Process.Start(new ProcessStartInfo("/usr/bin/redis-server", arguments) { UseShellExecute = false, RedirectStandardOutput = true })!;
        _process.BeginOutputReadLine();
        var options = ConfigurationOptions.Parse(Address);
        options.AbortOnConnectFail = false;
        await using var redis = await ConnectionMultiplexer.ConnectAsync(options);
        for (var begin = Stopwatch.GetTimestamp(); ; await Task.Yield())
        {
            try
            {
                await redis.GetDatabase().PingAsync();
                return;
            }
            catch (RedisException) when (Stopwatch.GetElapsedTime(begin) < Liveness)
            {
            }
        }
    }

    /// <summary>Ends it as a crash does.</summary>
    public async Task Kill()
    {
        if (_process is { } process)
        {
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
            _process = null;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Kill();
        Directory.Delete(_folder, recursive: true);
    }
}
