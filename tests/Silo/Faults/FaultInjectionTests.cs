using Axpo.Core;
using Axpo.Silo.Faults;
using Axpo.Silo.Hosting;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Faults;

public sealed class FaultInjectionTests : IDisposable
{
    public void Dispose() => FaultPoints.Arm(null);

    [Fact]
    public void Faults_are_read_with_their_defaults()
    {
        FaultInjection.Parse("after-publish").ShouldBe([new Fault("after-publish", 1, FaultAction.Kill)]);
        FaultInjection.Parse("after-publish#3=stop, before-turn-stored#12=throw").ShouldBe([new Fault("after-publish", 3, FaultAction.Stop), new Fault("before-turn-stored", 12, FaultAction.Throw)]);
    }

    [Theory]
    [InlineData("after-publsh", "AXPO_FAULT: 'after-publsh': is no fault point; there are before-turn-stored, after-turn-stored,")]
    [InlineData("after-publish#0", "AXPO_FAULT: 'after-publish#0': '0' is no count from 1")]
    [InlineData("after-publish#x=kill", "'x' is no count from 1")]
    [InlineData("after-publish#1=explode", "'explode' is no action; there are kill, throw, stop")]
    public void What_cannot_be_read_is_refused(string text, string message) =>
        Should.Throw<PreflightException>(() => FaultInjection.Parse(text)).Message.ShouldContain(message);

    [Fact]
    public void A_point_fails_once_at_the_time_that_was_named()
    {
        FaultInjection.Arm(FaultInjection.Parse("after-checkpoints-retired#2=throw"));

        FaultPoints.Reach(FaultPoints.AfterCheckpointsRetired);
        FaultPoints.Reach(FaultPoints.BeforeCheckpointsRetired);
        Should.Throw<IOException>(() => FaultPoints.Reach(FaultPoints.AfterCheckpointsRetired)).Message.ShouldContain("'after-checkpoints-retired'");
        FaultPoints.Reach(FaultPoints.AfterCheckpointsRetired);
    }

    [Fact]
    public void Every_point_is_listed_once()
    {
        var constants = typeof(FaultPoints).GetFields().Where(f => f.IsLiteral).Select(f => (string)f.GetRawConstantValue()!);
        FaultPoints.All.ShouldBe(constants, ignoreOrder: true);
    }
}
