using System.Text.Json.Nodes;
using Axpo.Core;
using Axpo.Silo.Hosting;
using Axpo.Silo.Storage;
using Axpo.Silo.Tests.Sft;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Hosting;

public sealed class PreflightTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_run_that_can_start_has_no_problem_and_nothing_is_written()
    {
        (await CheckAsync(Facts())).ShouldBeEmpty();
        Directory.EnumerateFileSystemEntries(_folder.Path).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_model_folder_that_is_missing_is_named()
    {
        var problem = (await CheckAsync(Facts() with { Model = "/nowhere/model" })).ShouldHaveSingleItem();
        (problem.Field, problem.Value, problem.IsEnvironment).ShouldBe(("model", "/nowhere/model", false));
    }

    [Fact]
    public async Task A_tensor_of_another_shape_is_named()
    {
        var model = Path.Combine(_folder.Path, "model");
        Directory.CreateDirectory(model);
        foreach (var file in Directory.GetFiles(Gap))
        {
            File.Copy(file, Path.Combine(model, Path.GetFileName(file)));
        }

        var config = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(model, "config.json"), TestContext.Current.CancellationToken))!;
        config["intermediate_size"] = 320;
        await File.WriteAllTextAsync(Path.Combine(model, "config.json"), config.ToJsonString(), TestContext.Current.CancellationToken);
        var problem = (await CheckAsync(Facts() with { Model = model })).ShouldHaveSingleItem();
        problem.Field.ShouldBe("model");
        problem.Remedy.ShouldContain("mlp");
        problem.Remedy.ShouldContain("320");
    }

    [Fact]
    public async Task A_model_that_takes_pictures_is_refused_by_its_type()
    {
        var model = Path.Combine(_folder.Path, "model");
        Directory.CreateDirectory(model);
        await File.WriteAllTextAsync(Path.Combine(model, "config.json"), """{"model_type":"qwen3_vl"}""", TestContext.Current.CancellationToken);
        var problem = (await CheckAsync(Facts() with { Model = model })).ShouldHaveSingleItem();
        problem.Field.ShouldBe("model");
        problem.Remedy.ShouldContain("takes pictures, which neither engine nor learner do yet");
    }

    [Fact]
    public async Task A_suite_that_does_not_exist_is_named_with_those_that_do()
    {
        var problem = (await CheckAsync(Facts() with { Tasks = new TaskOptions { Suites = new() { ["facts"] = 1 } } })).ShouldHaveSingleItem();
        problem.Remedy.ShouldContain("'facts'");
        problem.Remedy.ShouldContain("fact-chain");
    }

    [Fact]
    public async Task A_tool_whose_sandbox_does_not_work_is_the_environments_fault()
    {
        var configuration = Facts() with
        {
            Tasks = new TaskOptions { Suites = new() { ["arithmetic"] = 1 } },
            Tools = new ToolsOptions { Python = new PythonOptions { Sandbox = "no such strategy" } },
        };
        var problem = (await CheckAsync(configuration)).ShouldHaveSingleItem();
        (problem.Field, problem.IsEnvironment).ShouldBe(("tool python", true));
        problem.Remedy.ShouldContain("bubblewrap");
    }

    [Fact]
    public async Task Devices_that_are_not_there_or_that_the_engine_cannot_use_are_named()
    {
        var configuration = Facts() with { Learner = new LearnerOptions { Device = "cuda:900" }, Engine = new EngineOptions { Device = "cuda:901" } };
        var problems = await CheckAsync(configuration);
        problems.Select(p => (p.Field, p.Value, p.IsEnvironment)).ShouldBe([("learner.device", "cuda:900", true), ("engine.device", "cuda:901", true)]);
        problems.ShouldAllBe(p => p.Remedy.Contains("is not there", StringComparison.Ordinal));
        var problem = (await CheckAsync(Facts() with { Engine = new EngineOptions { Device = "cuda", Deterministic = true } })).ShouldHaveSingleItem();
        (problem.Field, problem.Value, problem.IsEnvironment).ShouldBe(("engine.device", "cuda", false));
        problem.Remedy.ShouldContain("engine.deterministic=true");
    }

    [Fact]
    public async Task A_run_that_cannot_fit_this_machines_memory_is_refused_and_one_elsewhere_is_not()
    {
        var small = new PreflightHost { Memory = new MachineMemory(512L << 20) };
        var problem = (await CheckAsync(Facts(), host: small)).ShouldHaveSingleItem();
        (problem.Field, problem.IsEnvironment).ShouldBe(("memory", true));
        problem.Remedy.ShouldContain("0.5 GiB are available");
        problem.Remedy.ShouldContain("engine.kvMebibytes=256");
        (await CheckAsync(Facts(), host: small with { IsHere = false })).ShouldBeEmpty();
        (await CheckAsync(Facts() with { Engine = new EngineOptions { KvMebibytes = 64 } }, host: small with { Trains = false })).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_pipeline_that_is_not_longer_than_the_codes_own_limit_is_refused()
    {
        var python = new PythonOptions { TimeoutSeconds = 30, Pipeline = new PipelineOptions { DeadlineSeconds = 30 } };
        var problem = (await CheckAsync(Facts() with { Tools = new ToolsOptions { Python = python } })).ShouldHaveSingleItem();
        problem.Field.ShouldBe("tools.python.pipeline.deadlineSeconds");
        problem.Remedy.ShouldContain("30");
    }

    [Fact]
    public async Task A_name_that_is_taken_or_no_name_and_a_folder_that_cannot_be_written_are_named()
    {
        Directory.CreateDirectory(Path.Combine(_folder.Path, "taken"));
        await File.WriteAllTextAsync(Path.Combine(_folder.Path, "taken", "run.json"), "{}", TestContext.Current.CancellationToken);
        (await CheckAsync(Facts(), "taken")).ShouldHaveSingleItem().Remedy.ShouldContain("runs resume taken");
        (await CheckAsync(Facts(), "a/b")).ShouldHaveSingleItem().Field.ShouldBe("--name");

        var file = Path.Combine(_folder.Path, "file");
        await File.WriteAllTextAsync(file, "", TestContext.Current.CancellationToken);
        var problem = (await Preflight.CheckAsync(Facts(), new RunFolders(file), "r", null, PreflightHost.Training, TestContext.Current.CancellationToken)).ShouldHaveSingleItem();
        (problem.Field, problem.Value, problem.IsEnvironment).ShouldBe(("--runs", file, true));
    }

    private static string Gap => Path.Combine(ShippedModels.Root, "axpo-tiny-gap");

    private static RunConfiguration Facts() => new() { Model = Gap, Tasks = new TaskOptions { Suites = new() { ["fact"] = 1 } } };

    private Task<IReadOnlyList<Problem>> CheckAsync(RunConfiguration configuration, string name = "r", PreflightHost? host = null) =>
        Preflight.CheckAsync(configuration, new RunFolders(_folder.Path), name, null, host ?? PreflightHost.Training, TestContext.Current.CancellationToken);
}
