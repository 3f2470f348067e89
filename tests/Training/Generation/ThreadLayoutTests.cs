using Axpo.Core;
using Axpo.Training.Generation;
using Axpo.Training.Kernels;
using Axpo.Training.Models;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Xunit;
using static Axpo.Training.Tests.Generation.EngineFixture;

namespace Axpo.Training.Tests.Generation;

/// <summary>How many workers an engine takes: chosen by measured times, measured once.</summary>
public sealed class ThreadLayoutTests(EngineFixture fixture) : IClassFixture<EngineFixture>, IDisposable
{
    private static readonly CancellationToken None = CancellationToken.None;

    private readonly string _folder = Directory.CreateTempSubdirectory("axpo-threads-").FullName;

    [Fact]
    public void The_fastest_large_step_counts() =>
        ThreadLayoutChoice.Of(Times(64, (1, 10), (2, 6), (4, 3.5), (8, 5))).ShouldBe(new ThreadLayout(4, 1));

    [Fact]
    public void Fewer_workers_win_a_tie_within_noise()
    {
        ThreadLayoutChoice.Of(Times(64, (1, 10), (2, 6), (4, 5.8))).Workers.ShouldBe(2);
        ThreadLayoutChoice.Of(Times(64, (1, 10), (2, 9.8), (4, 12))).ShouldBe(new ThreadLayout(1, ThreadLayout.UsualRows));
    }

    [Fact]
    public void A_second_worker_helps_from_the_size_on_at_which_it_pays()
    {
        StepTime[] times = [.. Times(64, (1, 10), (2, 6)), .. Times(32, (1, 5), (2, 3)), .. Times(16, (1, 3), (2, 2)), .. Times(8, (1, 1.5), (2, 1.45)), .. Times(4, (1, 1), (2, 1.2)), .. Times(2, (1, .8), (2, 1))];
        ThreadLayoutChoice.Of(times).ShouldBe(new ThreadLayout(2, 8));

        // More than two share larger steps; what each must have stays the same.
        ThreadLayoutChoice.Of([.. times, .. Times(64, (4, 4))]).ShouldBe(new ThreadLayout(4, 8));
    }

    [Fact]
    public void A_machine_with_one_core_has_one_worker() => ThreadLayoutChoice.Of(Times(64, (1, 10))).Workers.ShouldBe(1);

    [Fact]
    public void What_was_measured_is_found_again_and_not_measured_again()
    {
        var store = new ThreadLayoutStore(Path.Combine(_folder, "threads"));
        var measured = 0;
        ThreadLayout Find(EngineOptions options, DecoderConfig config) => ThreadLayouts.For(options, store, config, _ =>
        {
            measured++;
            return Times(64, (1, 10), (2, 6), (3, 4));
        });

        Find(new EngineOptions(), Config).ShouldBe(new ThreadLayout(3, 1));
        Find(new EngineOptions(), Config with { MaxPositions = 99, EosTokenId = 3 }).ShouldBe(new ThreadLayout(3, 1));
        measured.ShouldBe(1);
        Find(new EngineOptions(), Config with { Layers = 3 });
        Find(new EngineOptions { Deterministic = true }, Config);
        measured.ShouldBe(PanelProduct.IsSupported ? 2 : 3, "another shape takes other times, and so do passes of fixed rows, which packed weights do not need");
    }

    [Fact]
    public void What_is_configured_wins_and_nothing_is_measured()
    {
        var store = new ThreadLayoutStore(_folder);
        store.Write(ThreadLayoutStore.Key(Config, false), new ThreadLayout(3, 2));
        ThreadLayouts.For(new EngineOptions { Workers = 7 }, store, Config, Never).ShouldBe(new ThreadLayout(7, ThreadLayout.UsualRows));
        ThreadLayouts.For(new EngineOptions(), null, Config, Never).ShouldBe(ThreadLayout.Unmeasured);
        ThreadLayouts.For(new EngineOptions(), store, Config, Never).ShouldBe(new ThreadLayout(3, 2));

        static IReadOnlyList<StepTime> Never(int cores) => throw new InvalidOperationException("measured");
    }

    [Theory]
    [InlineData("")]
    [InlineData("{ \"key\":")]
    [InlineData("null")]
    [InlineData("[1, 2]")]
    [InlineData("{ \"workers\": 2, \"rowsOfAWorker\": 4 }")]
    [InlineData("{ \"key\": \"another machine\", \"workers\": 2, \"rowsOfAWorker\": 4 }")]
    [InlineData("{ \"key\": \"KEY\", \"workers\": 0, \"rowsOfAWorker\": 4 }")]
    [InlineData("{ \"key\": \"KEY\", \"workers\": 2, \"rowsOfAWorker\": 0 }")]
    [InlineData("{ \"key\": \"KEY\", \"workers\": \"two\", \"rowsOfAWorker\": 4 }")]
    public void A_damaged_or_foreign_file_is_measured_again(string content)
    {
        var store = new ThreadLayoutStore(_folder);
        var key = ThreadLayoutStore.Key(Config, false);
        store.Write(key, new ThreadLayout(2, 4));
        store.Read(key).ShouldBe(new ThreadLayout(2, 4));
        File.WriteAllText(Directory.GetFiles(_folder).ShouldHaveSingleItem(), content.Replace("KEY", key, StringComparison.Ordinal));
        store.Read(key).ShouldBeNull();
        ThreadLayouts.For(new EngineOptions(), store, Config, _ => Times(64, (1, 10), (2, 6))).ShouldBe(new ThreadLayout(2, 1));
        store.Read(key).ShouldBe(new ThreadLayout(2, 1));
    }

    [Fact]
    public void A_folder_that_takes_no_files_is_no_error()
    {
        var file = Path.Combine(_folder, "file");
        File.WriteAllText(file, "");
        ThreadLayouts.For(new EngineOptions(), new ThreadLayoutStore(Path.Combine(file, "below")), Config, _ => Times(64, (1, 10), (2, 6))).ShouldBe(new ThreadLayout(2, 1));
    }

    [Fact]
    public async Task An_engine_measures_stores_and_says_its_workers()
    {
        var store = new ThreadLayoutStore(_folder);
        int workers;
        await using (var engine = await PolicyEngine.StartAsync(fixture.Folder, new EngineOptions { KvMebibytes = 64 }, TimeProvider.System, NullLogger<PolicyEngine>.Instance, store))
        {
            workers = engine.Status.Workers;
            workers.ShouldBeInRange(1, Environment.ProcessorCount);
            (await engine.GenerateAsync(Request("s", Prompt(9)), None)).Status.ShouldBe(GenerateStatus.Done);
        }

        store.Read(ThreadLayoutStore.Key(Config, false))!.Workers.ShouldBe(workers);
        store.Write(ThreadLayoutStore.Key(Config, false), new ThreadLayout(3, 2));
        await using var again = await PolicyEngine.StartAsync(fixture.Folder, new EngineOptions { KvMebibytes = 64 }, TimeProvider.System, NullLogger<PolicyEngine>.Instance, store);
        again.Status.Workers.ShouldBe(3);
    }

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static StepTime[] Times(int rows, params (int Workers, double Seconds)[] times) => [.. times.Select(t => new StepTime(t.Workers, rows, t.Seconds))];
}
