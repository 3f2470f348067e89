using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Axpo.Environments.Tools.Python;

namespace Axpo.Client.Tests.EndToEnd;

/// <summary><c>axpo episodes replay</c>: the same bits come again, and what was changed afterwards is found.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class ReplayTests(ReplayTests.Trained trained) : IClassFixture<ReplayTests.Trained>
{
    private const string Name = "k";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("train", 1, 0)]
    [InlineData("train", 2, 1)]
    [InlineData("continuation", 2, 1)]
    [InlineData("eval", 0, 0)]
    [InlineData("eval", 2, 2)]
    [InlineData("eval-t1", 2, 2)]
    public async Task The_same_bits_come_again(string kind, int step, int weights)
    {
        var axpo = await trained.RunAsync();
        var id = await EpisodeAsync(axpo, kind, step);
        var before = Hashes(axpo);
        (await axpo.RunAsync("episodes", "replay", id, "--json")).ShouldBe(ExitCode.Done, axpo.Output + axpo.Error);
        var result = axpo.Json();
        result.GetProperty("isIdentical").GetBoolean().ShouldBeTrue();
        result.GetProperty("isDeterministic").GetBoolean().ShouldBeTrue();
        result.GetProperty("weightsStep").GetInt32().ShouldBe(weights);
        var line = Line(axpo, id);
        result.GetProperty("tokens").GetInt32().ShouldBe(line["tokens"]!.AsArray().Count);
        Hashes(axpo).ShouldBe(before, "the run's folder is only read");
    }

    [Fact]
    public async Task What_is_identical_is_said_with_its_size()
    {
        var axpo = await trained.RunAsync();
        var id = await EpisodeAsync(axpo, "eval-t1", 0);
        (await axpo.RunAsync("episodes", "replay", id)).ShouldBe(ExitCode.Done, axpo.Error);
        axpo.Screen.ShouldContain($"{id}, with the weights of step 0 ({SampleRun.Model})");
        var line = Line(axpo, id);
        axpo.Screen.ShouldContain($"identical ({line["tokens"]!.AsArray().Count} tokens, {line["calls"]!.AsArray().Count} call");
        axpo.Screen.ShouldNotContain("deterministic");
    }

    [Fact]
    public async Task A_token_that_was_changed_is_the_first_difference()
    {
        using var axpo = Copy(await trained.RunAsync());
        var id = await EpisodeAsync(axpo, "train", 2);
        var position = -1;
        var (was, now) = (0, 0);
        Change(axpo, id, line =>
        {
            position = (int)line["segments"]!.AsArray().First(s => (string)s!["kind"]! == "tool-call")!["start"]! + 2;
            was = (int)line["tokens"]![position]!;
            now = was + 1;
            line["tokens"]![position] = now;
        });
        (await axpo.RunAsync("episodes", "replay", id, "--json")).ShouldBe(ExitCode.Failed, axpo.Error);
        var difference = axpo.Json().GetProperty("difference");
        difference.GetProperty("what").GetString().ShouldBe("token");
        difference.GetProperty("position").GetInt32().ShouldBe(position);
        difference.GetProperty("segment").GetString().ShouldBe("tool-call");
        (difference.GetProperty("stored").GetString(), difference.GetProperty("replayed").GetString()).ShouldBe(($"{now}", $"{was}"));
        var before = axpo.Json().GetProperty("text").GetProperty("before").GetString();

        (await axpo.RunAsync("episodes", "replay", id)).ShouldBe(ExitCode.Failed);
        axpo.Screen.ShouldContain($"different: token {position} of {Line(axpo, id)["tokens"]!.AsArray().Count} (tool-call)");
        axpo.Screen.ShouldContain(before!);
        before!.ShouldContain("<tool_call>");
    }

    [Fact]
    public async Task An_outcome_that_was_changed_is_found()
    {
        using var axpo = Copy(await trained.RunAsync());
        var id = await EpisodeAsync(axpo, "eval", 0);
        var was = "";
        Change(axpo, id, line =>
        {
            was = (string)line["outcome"]!;
            line["outcome"] = was == "correct" ? "wrong" : "correct";
        });
        (await axpo.RunAsync("episodes", "replay", id, "--json")).ShouldBe(ExitCode.Failed, axpo.Error);
        var difference = axpo.Json().GetProperty("difference");
        difference.GetProperty("what").GetString().ShouldBe("outcome");
        difference.GetProperty("replayed").GetString().ShouldBe(was);
        axpo.Json().GetProperty("text").ValueKind.ShouldBe(System.Text.Json.JsonValueKind.Null);
    }

    [Fact]
    public async Task The_highest_fence_wrote_the_weights_that_count()
    {
        using var axpo = Copy(await trained.RunAsync());
        var checkpoints = axpo.Folders.Checkpoints(Name);
        Directory.Move(Path.Combine(checkpoints, "step-000001-fence-1"), Path.Combine(checkpoints, "step-000001-fence-10"));
        Directory.CreateDirectory(Path.Combine(checkpoints, "step-000001-fence-9"));
        (await axpo.RunAsync("episodes", "replay", await EpisodeAsync(axpo, "train", 2), "--json")).ShouldBe(ExitCode.Done, axpo.Error);
        axpo.Json().GetProperty("weightsFolder").GetString().ShouldEndWith("step-000001-fence-10");
    }

    [Fact]
    public async Task Weights_that_are_not_the_committed_ones_are_told_apart_from_a_difference()
    {
        using var axpo = Copy(await trained.RunAsync());
        var checkpoints = axpo.Folders.Checkpoints(Name);
        File.Copy(Path.Combine(checkpoints, "step-000001-fence-1", "model.safetensors"), Path.Combine(checkpoints, "step-000002-fence-1", "model.safetensors"), overwrite: true);
        (await axpo.RunAsync("episodes", "replay", await EpisodeAsync(axpo, "eval", 2))).ShouldBe(ExitCode.BadInput, axpo.Error);
        axpo.Error.ShouldContain("step-000002-fence-1 holds other weights than those that were committed");
    }

    [Fact]
    public async Task Weights_that_retention_removed_are_named_with_the_key_that_keeps_them()
    {
        using var axpo = Copy(await trained.RunAsync());
        Directory.Delete(Path.Combine(axpo.Folders.Checkpoints(Name), "step-000001-fence-1"), recursive: true);
        (await axpo.RunAsync("episodes", "replay", await EpisodeAsync(axpo, "train", 2))).ShouldBe(ExitCode.BadInput);
        axpo.Errors.ShouldHaveSingleItem().ShouldStartWith("error: learner.keepCheckpoints: '3': the weights of step 1, which sampled this episode, are not stored any more");
    }

    [Fact]
    public async Task A_run_outside_deterministic_mode_says_so()
    {
        // No python here: it needs no sandbox.
        using var axpo = new AxpoConsole();
        (await axpo.RunAsync("rollout", "--name", Name, "--model", SampleRun.Model, "--suite", "fact", "--count", "2", "--samples", "2")).ShouldBe(ExitCode.Done, axpo.Error);
        (await axpo.RunAsync("episodes", "replay", $"{Name}/rollout/0/1/1")).ShouldBe(ExitCode.Done, axpo.Screen + axpo.Error);
        axpo.Screen.ReplaceLineEndings(" ").ShouldContain("the run was not in deterministic mode (engine.deterministic=false): log-probs are compared within 1e-4");
        axpo.Screen.ShouldContain("identical (");
    }

    /// <summary>The first stored episode of a kind; train: one with a call.</summary>
    private static async Task<string> EpisodeAsync(AxpoConsole axpo, string kind, int step)
    {
        await axpo.RunAsync("episodes", "list", Name, "--json", "--phase", kind == "continuation" ? "train" : kind, "--step", $"{step}");
        return axpo.JsonLines()
            .Where(l => kind is "eval" or "eval-t1" || l.GetProperty("calls").GetInt32() > 0)
            .Select(l => l.GetProperty("id").GetString()!)
            .First(id => EpisodeId.Parse(id).Path.IsEmpty != (kind == "continuation"));
    }

    private static string[] Hashes(AxpoConsole axpo) => [.. Directory.GetFiles(axpo.Folders.Of(Name), "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
        .Select(f => $"{f} {Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(f)))}")];

    private static AxpoConsole Copy(AxpoConsole of)
    {
        var copy = new AxpoConsole();
        foreach (var file in Directory.GetFiles(of.Folders.Of(Name), "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(copy.Folders.Of(Name), Path.GetRelativePath(of.Folders.Of(Name), file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }

        return copy;
    }

    private static string Shard(AxpoConsole axpo, string id) =>
        Path.Combine(axpo.Folders.Trajectories(Name), $"{EpisodeId.Name(EpisodeId.Parse(id).Phase)}-{EpisodeId.Parse(id).Step:D5}.jsonl");

    private static JsonObject Line(AxpoConsole axpo, string id) => File.ReadAllLines(Shard(axpo, id)).Select(l => JsonNode.Parse(l)!.AsObject()).Single(l => (string)l["id"]! == id);

    private static void Change(AxpoConsole axpo, string id, Action<JsonObject> change)
    {
        var changed = Line(axpo, id);
        change(changed);
        File.WriteAllLines(Shard(axpo, id), File.ReadAllLines(Shard(axpo, id)).Select(l => (string)JsonNode.Parse(l)!["id"]! == id ? changed.ToJsonString() : l));
    }

    /// <summary>A small run of two steps, made once.</summary>
    public sealed class Trained : IDisposable
    {
        private AxpoConsole? _axpo;

        public void Dispose() => _axpo?.Dispose();

        internal async Task<AxpoConsole> RunAsync()
        {
            if (_axpo is null)
            {
                await using var python = new PythonTool(new PythonToolOptions());
                var probe = await python.ProbeAsync(Token);
                Assert.SkipUnless(probe.Works, $"python has no sandbox here: {probe.Detail}. {probe.Remedy}");
                var axpo = new AxpoConsole();
                var code = await axpo.RunAsync(
                    "train", "--name", Name, "--model", SampleRun.Model, "--steps", "2", "--set", "engine.deterministic=true", "--set", "rollouts.questions=4", "--set", "rollouts.groupSize=4",
                    "--set", "evaluation.every=0", "--set", "evaluation.finalQuestions=2", "--set", "evaluation.samples=2");
                code.ShouldBe(ExitCode.Done, axpo.Error);
                _axpo = axpo;
            }

            return _axpo;
        }
    }
}
