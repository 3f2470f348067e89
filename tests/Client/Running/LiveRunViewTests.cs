using Axpo.Client.Running;
using Axpo.Core;
using Axpo.Grains.Abstractions;
using Axpo.Silo.Runs;
using Shouldly;
using Spectre.Console.Testing;
using Xunit;

namespace Axpo.Client.Tests.Running;

public sealed class LiveRunViewTests
{
    private static readonly RunManifest Manifest = new()
    {
        Name = "a[b]",
        Kind = RunKind.Train,
        Created = DateTimeOffset.UnixEpoch,
        ModelSha256 = "",
        Configuration = new RunConfiguration(),
    };

    private static readonly RunStatus Status = new()
    {
        Run = "a[b]",
        Kind = RunKind.Train,
        Phase = RunPhase.RollingOut,
        Step = 30,
        Steps = 60,
        Episodes = 64,
        EpisodesPlanned = 128,
        Correct = 32,
        ToolUsing = 16,
        EpisodesPerSecond = 125,
        TokensPerSecond = 2345,
        Seconds = 61,
        SecondsLeft = 59,
    };

    [Fact]
    public void A_terminal_of_110_columns_shows_every_row_on_one_line()
    {
        using var console = new TestConsole();
        console.Profile.Width = 110;
        console.Write(LiveRunView.Render(Manifest, Status, [.. Enumerable.Range(0, 20).Select(Row)]));
        var lines = console.Output.TrimEnd().Split('\n').Select(l => l.TrimEnd()).ToArray();
        lines.Count(l => l.StartsWith("steps", StringComparison.Ordinal)).ShouldBe(1);
        lines.ShouldContain(l => l.Contains("30/60  1:01 gone, 0:59 left", StringComparison.Ordinal));
        lines.ShouldContain(l => l.Contains("64/128 episodes  125/s, 2,345 tok/s, correct 50%, calls 25%, void 0", StringComparison.Ordinal));
        lines.Count(l => l.Contains("│", StringComparison.Ordinal)).ShouldBe(13, "the head and the newest twelve rows");
        lines.ShouldContain(l => l.Contains("│   19 │", StringComparison.Ordinal));
        lines.ShouldAllBe(l => l.Length <= 110);
        console.Output.ShouldContain("a[b]");
    }

    [Theory]
    [InlineData(RunPhase.Updating)]
    [InlineData(RunPhase.Evaluating)]
    [InlineData(RunPhase.Done)]
    public void Its_height_stays_whatever_the_phase(RunPhase phase) => Height(Status with { Phase = phase }).ShouldBe(Height(Status));

    private static int Height(RunStatus status)
    {
        using var console = new TestConsole();
        console.Profile.Width = 110;
        console.Write(LiveRunView.Render(Manifest, status, [Row(1)]));
        return console.Lines.Count;
    }

    private static MetricsRow Row(int step) => new() { Step = step, Train = new RolloutMetrics { Questions = 1, Rollouts = 8 } };
}
