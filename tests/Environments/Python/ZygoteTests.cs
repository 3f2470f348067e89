using Axpo.Core;
using Axpo.Environments.Sandbox;
using Shouldly;
using Xunit;

namespace Axpo.Environments.Tests.Python;

public sealed class ZygoteTests
{
    /// <summary>Seconds that the half-made child holds the output open: without the mend the wait is as long.</summary>
    private const string Orphan = "120";

    /// <summary>Expected is one second.</summary>
    private static readonly TimeSpan Liveness = TimeSpan.FromSeconds(30);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("exit 1", "before anybody asks")]
    [InlineData("head -c 1 >/dev/null; exit 1", "while somebody waits")]
    public async Task A_sandbox_whose_process_ended_is_gone_though_a_child_holds_its_output_open(string end, string when)
    {
        var command = new SandboxCommand("broken", "/bin/sh", ["-c", $"exec 3<&0; sleep {Orphan} & {end}"]);
        var zygote = await Zygote.StartAsync(command, "python3", new SandboxOptions());

        (await Should.ThrowAsync<ToolUnavailableException>(zygote.OpenAsync(0, Token).WaitAsync(Liveness, Token), when)).IsTransient.ShouldBeTrue();

        zygote.IsAlive.ShouldBeFalse();
        await zygote.DisposeAsync().AsTask().WaitAsync(Liveness, Token);
    }

    [Fact]
    public async Task Whoever_waits_for_a_sandbox_that_is_killed_is_told()
    {
        await using var zygote = await Zygote.StartAsync(new SandboxCommand("silent", "/bin/sh", ["-c", $"exec sleep {Orphan}"]), "python3", new SandboxOptions());
        var waiting = zygote.OpenAsync(0, Token);
        zygote.HasAnswered.ShouldBeFalse();

        zygote.Kill();

        (await Should.ThrowAsync<ToolUnavailableException>(waiting.WaitAsync(Liveness, Token))).IsTransient.ShouldBeTrue();
        zygote.IsAlive.ShouldBeFalse();
    }
}
