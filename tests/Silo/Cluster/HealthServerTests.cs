using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Axpo.Core;
using Axpo.Environments.Suites;
using Axpo.Grains.Abstractions;
using Axpo.Grains.Placement;
using Axpo.Silo.Cluster;
using Axpo.Silo.Hosting;
using Axpo.Silo.Runs;
using Axpo.Silo.Storage;
using Axpo.Testing;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Runtime;
using Shouldly;
using StackExchange.Redis;
using Xunit;

namespace Axpo.Silo.Tests.Cluster;

public sealed class HealthServerTests : IAsyncLifetime
{
    private readonly TempFolder _folder = new();
    private readonly HttpClient _http = new();
    private RedisServer _redis = null!;
    private AxpoHost _silo = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private SiloHealth Health => _silo.Services.GetRequiredService<SiloHealth>();

    public async ValueTask InitializeAsync()
    {
        _redis = await RedisServer.StartAsync();
        _silo = await AxpoHost.StartAsync(new AxpoHostOptions { RunsFolder = _folder.Path, Cluster = _redis.Cluster() }, Token);
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _silo.DisposeAsync();
        await _redis.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task An_active_silo_is_ready_and_one_that_drains_is_not()
    {
        await using var server = await HealthServer.StartAsync(new HealthOptions(), Health, Token);
        (await _http.GetStringAsync(new Uri(server.Address, "health/live"), Token)).ShouldBe("live");
        var ready = await ReadyAsync(server);
        ready.Code.ShouldBe(HttpStatusCode.OK);
        (ready.Report.GetProperty("silo").GetString(), ready.Report.GetProperty("status").GetString()).ShouldBe(("a", "Active"));
        ready.Report.GetProperty("engines").EnumerateArray().Select(e => e.GetString()).ShouldBe(["a"]);

        Health.IsDraining = true;
        var draining = await ReadyAsync(server);
        draining.Code.ShouldBe(HttpStatusCode.ServiceUnavailable);
        draining.Report.GetProperty("problems").EnumerateArray().Select(p => p.GetString()).ShouldBe(["draining"]);
    }

    [Fact]
    public async Task A_silo_without_Redis_is_not_ready_and_is_again_when_it_is_back()
    {
        await using var server = await HealthServer.StartAsync(new HealthOptions(), Health, Token);
        await _redis.Kill();
        (await ReadyAsync(server)).Report.GetProperty("problems").EnumerateArray().Select(p => p.GetString()).ShouldContain("Redis does not answer");
        await _redis.BeginAsync();
        var back = await ReadyAsync(server);
        for (var tries = 0; back.Code != HttpStatusCode.OK && tries < 200; tries++)
        {
            // Each question waits for Redis for up to two seconds: no pause is needed between them.
            back = await ReadyAsync(server);
        }

        back.Code.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_token_is_asked_for_where_there_is_one()
    {
        await using var server = await HealthServer.StartAsync(new HealthOptions { Token = "secret" }, Health, Token);
        (await _http.GetAsync(new Uri(server.Address, "health/live"), Token)).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "guess");
        (await _http.GetAsync(new Uri(server.Address, "health/ready"), Token)).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "secret");
        (await _http.GetAsync(new Uri(server.Address, "health/ready"), Token)).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task An_address_that_others_reach_needs_a_token()
    {
        var open = new HealthOptions { Address = IPAddress.Any };
        (await Should.ThrowAsync<PreflightException>(() => HealthServer.StartAsync(open, Health, Token))).Problems.ShouldHaveSingleItem().Remedy.ShouldContain("AXPO_HEALTH_TOKEN");
    }

    [Fact]
    public async Task A_port_in_use_is_named()
    {
        await using var first = await HealthServer.StartAsync(new HealthOptions(), Health, Token);
        var second = new HealthOptions { Port = first.Address.Port };
        (await Should.ThrowAsync<PreflightException>(() => HealthServer.StartAsync(second, Health, Token))).Problems.ShouldHaveSingleItem().Field.ShouldBe("--health-port");
    }

    [Fact]
    public async Task An_engine_that_gave_itself_up_makes_the_silo_not_ready()
    {
        var (services, folders) = (_silo.Services, _silo.Services.GetRequiredService<RunFolders>());
        var manifests = new RunManifests(folders);
        await manifests.CreateAsync(new RunManifest { Name = "r", Kind = RunKind.Train, Created = DateTimeOffset.UnixEpoch, ModelSha256 = "00", Configuration = new RunConfiguration() }, Token);
        var engine = new BrokenEngine();
        await using var runs = new RunServices(manifests, folders, engine, new SuiteCatalog([new MentalArithmetic()], [], []), [], []);
        var health = new SiloHealth(
            services.GetRequiredService<ClusterSettings>(), services.GetRequiredService<ISiloStatusOracle>(), services.GetRequiredService<IConnectionMultiplexer>(), services.GetRequiredService<IEngineDirectory>(), folders, runs);
        (await health.ReportAsync(Token)).IsReady.ShouldBeTrue();
        await runs.EngineAsync("r", Token);
        (await health.ReportAsync(Token)).IsReady.ShouldBeTrue();
        engine.Broken = "bad address";
        (await health.ReportAsync(Token)).Problems.ShouldBe(["the engine of run 'r' gave itself up: bad address"]);
    }

    private async Task<(HttpStatusCode Code, JsonElement Report)> ReadyAsync(HealthServer server)
    {
        using var response = await _http.GetAsync(new Uri(server.Address, "health/ready"), Token);
        return (response.StatusCode, await response.Content.ReadFromJsonAsync<JsonElement>(Token));
    }

    private sealed class BrokenEngine : IRunPartsFactory, IPolicyEngine
    {
        public string? Broken { get; set; }

        public EngineStatus Status => new ScriptedPolicyEngine(_ => "").Status with { Healthy = Broken is null, Error = Broken };

        public int MaxContext => 1;

        public Task<IPolicyEngine> StartEngineAsync(RunConfiguration configuration, CancellationToken cancellationToken) => Task.FromResult<IPolicyEngine>(this);

        public Task<ILearner> StartLearnerAsync(RunConfiguration configuration, CancellationToken cancellationToken) => throw new NotSupportedException();

        public IChatFormat LoadChat(RunConfiguration configuration) => throw new NotSupportedException();

        public Task<GenerateResult> GenerateAsync(GenerateRequest request, CancellationToken cancellationToken) => throw new NotSupportedException();

        public void Release(string sessionPrefix) => throw new NotSupportedException();

        public Task<bool> PublishAsync(WeightsVersion version, CancellationToken cancellationToken) => throw new NotSupportedException();
    }
}
