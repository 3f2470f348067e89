using System.Security.Cryptography;
using Axpo.Client.Running;
using Axpo.Grains.Abstractions;
using Axpo.Silo.Runs;
using Axpo.Silo.Storage;
using Shouldly;
using Xunit;

namespace Axpo.Client.Tests.EndToEnd;

/// <summary><c>axpo runs resume</c> of runs that were killed right after <c>run.json</c>: all that was asked stands there.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class ResumeFromManifestTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static RunConfiguration Configuration => SampleRun.Configuration with
    {
        Tasks = new TaskOptions { Suites = new() { ["fact"] = 1 } },
        Evaluation = new EvaluationOptions { FinalQuestions = 2, Samples = 1 },
    };

    [Fact]
    public async Task An_evaluation_keeps_its_phases_and_samples()
    {
        using var axpo = new AxpoConsole();
        await CreateAsync(axpo, Configuration, new RunRequest { Kind = RunKind.Evaluate, Phases = [Phase.EvalT1], Samples = 3 });
        (await axpo.RunAsync("runs", "resume", "r", "--json")).ShouldBe(ExitCode.Failed, "a policy that never saw facts shows no gap: " + axpo.Error);
        var figures = axpo.JsonLines()[^1];
        figures.GetProperty("eval").ValueKind.ShouldBe(System.Text.Json.JsonValueKind.Null);
        figures.GetProperty("evalT1").GetProperty("samples").GetInt32().ShouldBe(3);
        figures.GetProperty("gap").GetProperty("questions").GetInt32().ShouldBe(2);
    }

    [Fact]
    public async Task A_batch_keeps_its_samples_and_is_exported_when_asked()
    {
        using var axpo = new AxpoConsole();
        await CreateAsync(axpo, Configuration, new RunRequest { Kind = RunKind.Rollout, Samples = 3 });
        var output = Path.Combine(axpo.Folder, "batch.jsonl");
        (await axpo.RunAsync("runs", "resume", "r", "--out", output, "--json")).ShouldBe(ExitCode.Done, axpo.Error);
        axpo.JsonLines()[^1].GetProperty("exported").GetString().ShouldBe(output);
        (await File.ReadAllLinesAsync(output, Token)).Length.ShouldBe(Configuration.Rollouts.Questions * 3);

        (await axpo.RunAsync("runs", "resume", "r", "--out", output)).ShouldBe(ExitCode.BadInput);
        axpo.Error.ShouldStartWith($"error: --out: '{output}': exists");
    }

    [Fact]
    public async Task Only_a_batch_is_exported()
    {
        using var axpo = new AxpoConsole();
        await CreateAsync(axpo, Configuration, new RunRequest { Kind = RunKind.Train });
        (await axpo.RunAsync("runs", "resume", "r", "--out", Path.Combine(axpo.Folder, "x"))).ShouldBe(ExitCode.BadInput);
        axpo.Error.ShouldContain("'r' is no batch");
    }

    [Fact]
    public async Task A_file_of_questions_that_has_changed_is_named()
    {
        using var axpo = new AxpoConsole();
        var file = Path.Combine(axpo.Folder, "q.jsonl");
        await File.WriteAllTextAsync(file, """{"id": "1", "category": "search", "suite": "fact", "question": "Capital of France?", "answer": "Paris", "verifier": "exact"}""" + "\n", Token);
        await CreateAsync(axpo, Configuration with { Tasks = new TaskOptions { Questions = file } }, new RunRequest { Kind = RunKind.Evaluate }, "00");
        (await axpo.RunAsync("runs", "resume", "r")).ShouldBe(ExitCode.BadInput, axpo.Error);
        axpo.Errors.ShouldHaveSingleItem().ShouldBe($"error: tasks.questions: '{file}': has changed since run 'r' began; put the original file back");
    }

    [Fact]
    public async Task Weights_are_known_by_their_file_or_by_all_their_shards()
    {
        using var axpo = new AxpoConsole();
        byte[] first = [1, 2, 3];
        await File.WriteAllBytesAsync(Path.Combine(axpo.Folder, "model-00001-of-00002.safetensors"), first, Token);
        (await FileHashes.OfWeightsAsync(axpo.Folder, Token)).ShouldBe(Convert.ToHexStringLower(SHA256.HashData(first)));
        await File.WriteAllBytesAsync(Path.Combine(axpo.Folder, "model-00002-of-00002.safetensors"), [4], Token);
        (await FileHashes.OfWeightsAsync(axpo.Folder, Token)).ShouldBe(Convert.ToHexStringLower(SHA256.HashData([1, 2, 3, 4])));
    }

    private static async Task CreateAsync(AxpoConsole axpo, RunConfiguration configuration, RunRequest request, string? questions = null) =>
        await new RunManifests(axpo.Folders).CreateAsync(
            new RunManifest
            {
                Name = "r",
                Kind = request.Kind,
                Created = DateTimeOffset.UnixEpoch,
                ModelSha256 = await FileHashes.OfWeightsAsync(configuration.Model, Token),
                QuestionsSha256 = questions,
                Request = request,
                Configuration = configuration,
            },
            Token);
}
