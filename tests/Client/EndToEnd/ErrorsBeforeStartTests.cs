using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Axpo.Silo.Hosting;
using Shouldly;
using Spectre.Console.Testing;
using Xunit;

namespace Axpo.Client.Tests.EndToEnd;

/// <summary><c>axpo train</c> on wrong input or on a machine that lacks something: one clear message, the table's exit code, nothing written.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class ErrorsBeforeStartTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("axpo-errors-").FullName;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string Runs => Path.Combine(_folder, "runs");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("rollouts.groupSiez=8", "rollouts.groupSiez: '8': unknown key; did you mean 'groupSize'?")]
    [InlineData("steps=many", "steps: 'many': expected a whole number")]
    [InlineData("model=models/none", "models/none': there is no such folder; give a Hugging Face folder, for example models/axpo-tiny-gap")]
    [InlineData("tasks.suites.mental-arithmetik=1", "error: tasks.suites: 'mental-arithmetik': there is no suite 'mental-arithmetik'; did you mean 'mental-arithmetic'?")]
    public async Task Wrong_input_is_named_with_its_remedy(string set, string message)
    {
        var (code, error) = await TrainAsync(Runs, "--set", set);
        code.ShouldBe(ExitCode.BadInput, error);
        Message(error).ShouldContain(message);
        Directory.Exists(Runs).ShouldBeFalse();
    }

    [Fact]
    public async Task A_tensor_of_another_shape_is_named()
    {
        var model = Path.Combine(_folder, "model");
        Directory.CreateDirectory(model);
        foreach (var file in Directory.GetFiles(ModelFolders.Resolve("models/axpo-tiny-gap")))
        {
            File.Copy(file, Path.Combine(model, Path.GetFileName(file)));
        }

        var path = Path.Combine(model, "config.json");
        var config = JsonNode.Parse(await File.ReadAllTextAsync(path, Token))!;
        var size = (int)config["intermediate_size"]!;
        config["intermediate_size"] = size + 8;
        await File.WriteAllTextAsync(path, config.ToJsonString(), Token);

        var (code, error) = await TrainAsync(Runs, "--model", model);
        code.ShouldBe(ExitCode.BadInput, error);
        error.ShouldStartWith($"error: model: '{model}': the weights in '{model}' do not fit its config.json:");
        error.ShouldContain($"model.layers.0.mlp.gate_proj.weight is [{size}, 128], config.json asks for [{size + 8}, 128]");
        Directory.Exists(Runs).ShouldBeFalse();
    }

    [Fact]
    public async Task A_port_in_use_is_named()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port;
        var (code, error) = await TrainAsync(Runs, "--gateway-port", $"{port}", "--set", "tasks.suites.fact=1", "--set", "tasks.suites.mental-arithmetic=0");
        code.ShouldBe(ExitCode.Environment, error);
        Message(error).ShouldBe($"error: host.gatewayPort: '{port}': the port cannot be used (AddressAlreadyInUse); choose another, or 0 for any free one");
        Directory.Exists(Runs).ShouldBeFalse();
    }

    [Fact]
    public async Task A_number_that_is_no_port_is_named()
    {
        var (code, error) = await TrainAsync(Runs, "--gateway-port", "65536", "--set", "tasks.suites.fact=1");
        code.ShouldBe(ExitCode.BadInput, error);
        Message(error).ShouldBe("error: host.gatewayPort: '65536': expected a port from 1 to 65535, or 0 for any free one");
        Directory.Exists(Runs).ShouldBeFalse();
    }

    [Theory]
    [InlineData("/proc/axpo-runs")]
    [InlineData("FILE")]
    [InlineData("FILE/below")]
    public async Task A_runs_folder_that_cannot_be_written_is_named(string runs)
    {
        if (runs.StartsWith("FILE", StringComparison.Ordinal))
        {
            var file = Path.Combine(_folder, "file");
            await File.WriteAllTextAsync(file, "", Token);
            runs = file + runs["FILE".Length..];
        }

        var (code, error) = await TrainAsync(runs, "--set", "tasks.suites.fact=1", "--set", "tasks.suites.mental-arithmetic=0");
        code.ShouldBe(ExitCode.Environment, error);
        Message(error).ShouldStartWith($"error: --runs: '{runs}': cannot be written");
        error.ShouldContain("--runs FOLDER");
    }

    [Theory]
    [InlineData("tasks.suites.mental-arithmetic=1")]
    [InlineData("tools.python.sandbox=bubblewrap")]
    public async Task A_tool_asked_for_by_name_whose_sandbox_fails_is_named_with_what_to_install(string set)
    {
        // Without a PATH no sandbox can be started.
        using var train = AxpoProcess.Start(Directory.CreateDirectory(Path.Combine(_folder, "empty")).FullName, ["train", "--runs", Runs, "--set", set]);
        (await train.EndAsync()).ShouldBe((int)ExitCode.Environment, train.Error);
        var message = Message(train.Error);
        message.ShouldStartWith("error: tool python: 'mental-arithmetic': does not work here");
        message.ShouldContain("apt-get install bubblewrap");
        Directory.Exists(Runs).ShouldBeFalse();
    }

    private static async Task<(ExitCode Code, string Error)> TrainAsync(string runs, params string[] args)
    {
        await using var error = new StringWriter();
        using var screen = new TestConsole();
        var context = new CommandContext(TextWriter.Null, error, screen, screen, isTerminal: false, TimeProvider.System, Token);
        var code = await AxpoCommand.RunAsync(["train", "--runs", runs, .. args], context);
        return ((ExitCode)code, error.ToString());
    }

    /// <summary>The one message.</summary>
    private static string Message(string error) => error.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries).ShouldHaveSingleItem();
}
