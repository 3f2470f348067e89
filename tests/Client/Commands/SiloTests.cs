namespace Axpo.Client.Tests.Commands;

public sealed class SiloTests
{
    [Theory]
    [InlineData("error: --roles: 'trainr': unknown; did you mean 'trainer'?", "--redis", "127.0.0.1:1", "--roles", "engine,trainr")]
    [InlineData("error: --roles: ',': names no role", "--redis", "127.0.0.1:1", "--roles", ",")]
    [InlineData("error: --address: 'here': is no IP address", "--redis", "127.0.0.1:1", "--address", "here")]
    [InlineData("error: --health-address: '0.0.0.0': others can reach this address: set a bearer token in AXPO_HEALTH_TOKEN", "--redis", "127.0.0.1:1", "--health-address", "0.0.0.0")]
    [InlineData("error: --redis: names no Redis; give HOST:PORT, or set AXPO_REDIS", "--roles", "engine")]
    public async Task Wrong_input_is_named_with_its_remedy(string message, params string[] args)
    {
        using var axpo = new AxpoConsole();
        (await axpo.RunAsync(["silo", .. args])).ShouldBe(ExitCode.BadInput);
        axpo.Error.ShouldStartWith(message);
        Directory.Exists(axpo.Folders.Root).ShouldBeFalse();
    }

    [Fact]
    public async Task A_Redis_that_does_not_answer_is_named_without_its_password()
    {
        using var axpo = new AxpoConsole();
        (await axpo.RunAsync("silo", "--redis", "127.0.0.1:1,password=hunter2")).ShouldBe(ExitCode.Environment);
        axpo.Error.ShouldContain("127.0.0.1:1': does not answer; start one (Debian: apt install redis-server)");
        axpo.Error.ShouldNotContain("hunter2");
    }
}
