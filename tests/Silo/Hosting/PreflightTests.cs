using System.Globalization;
using System.Text.Json.Nodes;
using Axpo.Core;
using Axpo.Grains.Abstractions;
using Axpo.Silo.Hosting;
using Axpo.Silo.Storage;
using Axpo.Silo.Tests.Sft;
using Axpo.Silo.Tests.Storage;
using Microsoft.Extensions.DependencyInjection;
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

    [Theory]
    [InlineData("fact", 0, 0, "nothing would grow: the suites are fact (no chains), and curriculum.start is 0")]
    [InlineData("fact-chain", 0, 5, "nothing would grow: the suites are fact-chain (2 to 4 calls), and curriculum.start is 5; ask a suite with chains, raise tasks.horizonMax above curriculum.start, or set it to 0")]
    [InlineData("fact-chain", 2, 0, "nothing would grow: the suites are fact-chain (2 to 2 calls)")]
    [InlineData("fact-chain", 0, 0, null)]
    [InlineData("fact-chain", 6, 5, null)]
    public async Task Chains_that_would_not_grow_keep_a_training_run_from_starting(string suite, int longest, int start, string? remedy)
    {
        var configuration = Facts() with
        {
            Tasks = new TaskOptions { Suites = new(StringComparer.Ordinal) { [suite] = 1 }, HorizonMax = longest },
            Curriculum = new CurriculumOptions { StepsPerCall = 5, Start = start },
        };
        (await CheckAsync(configuration, host: PreflightHost.Of(RunKind.Evaluate, isHere: true))).ShouldBeEmpty("an evaluation asks every length");
        var problems = await CheckAsync(configuration);
        if (remedy is null)
        {
            problems.ShouldBeEmpty();
            return;
        }

        var problem = problems.ShouldHaveSingleItem();
        (problem.Field, problem.Value, problem.IsEnvironment).ShouldBe(("curriculum.stepsPerCall", "5", false));
        problem.Remedy.ShouldStartWith(remedy);
    }

    [Fact]
    public async Task What_a_suite_says_of_the_horizon_is_told_without_names_of_code()
    {
        var problem = (await CheckAsync(Facts() with { Tasks = new TaskOptions { Suites = new(StringComparer.Ordinal) { ["fact-chain"] = 1 }, HorizonMax = 12 } })).ShouldHaveSingleItem();
        problem.Remedy.ShouldStartWith("tasks.horizonMin 2, tasks.horizonMax 12: fact-chain has chains of 2 to 8 hops");
        problem.Remedy.ShouldNotContain("Parameter");
    }

    [Theory]
    [InlineData("image_serch", "offers the tool 'image_serch', which is not registered; there are image_search, image_zoom_in, ")]
    [InlineData("image_search, ftp", "offers the tool 'ftp', which is not registered; ")]
    public async Task A_tool_of_the_evaluation_that_nobody_has_is_named(string tools, string remedy)
    {
        var problem = (await CheckAsync(Facts() with { Evaluation = new EvaluationOptions { Tools = tools } })).ShouldHaveSingleItem();
        (problem.Field, problem.Value, problem.IsEnvironment).ShouldBe(("evaluation.tools", tools, false));
        problem.Remedy.ShouldStartWith(remedy);
    }

    [Fact]
    public async Task A_suite_of_pictures_needs_a_model_that_sees()
    {
        var configuration = Facts() with { Tasks = new TaskOptions { Suites = new() { ["fact"] = 1, ["drawings"] = 1 } } };
        var problem = (await CheckAsync(configuration, services: Drawings)).ShouldHaveSingleItem();
        (problem.Field, problem.Value, problem.IsEnvironment).ShouldBe(("tasks.suites", "drawings", false));
        problem.Remedy.ShouldContain(Gap);
        problem.Remedy.ShouldContain("reads text only");
        Directory.EnumerateFileSystemEntries(_folder.Path).ShouldBeEmpty();

        (await CheckAsync(configuration with { Tasks = new TaskOptions { Suites = new() { ["fact"] = 1, ["drawings"] = 0 } } }, services: Drawings)).ShouldBeEmpty();
        (await CheckAsync(configuration with { Model = Seeing() }, services: Drawings)).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_question_file_with_images_needs_a_model_that_sees()
    {
        var file = Path.Combine(_folder.Path, "questions.jsonl");
        await File.WriteAllBytesAsync(Path.Combine(_folder.Path, "seven.png"), ImageFiles.Png(8, 8, 7), TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(
            file,
            """
            {"id":"plain","question":"What is 3 + 4?","answer":"7","category":"reasoning","suite":"fact","verifier":"exact"}
            {"id":"shown","question":"Which digit is it?","answer":"7","category":"perception","suite":"fact","verifier":"exact","images":["seven.png"]}

            """,
            TestContext.Current.CancellationToken);
        var configuration = Facts() with { Tasks = new TaskOptions { Questions = file } };
        var problem = (await CheckAsync(configuration)).ShouldHaveSingleItem();
        (problem.Field, problem.Value, problem.IsEnvironment).ShouldBe(("tasks.questions", file, false));
        problem.Remedy.ShouldContain("'shown'");
        problem.Remedy.ShouldNotContain("'plain'");
        problem.Remedy.ShouldContain("reads text only");
        (await CheckAsync(configuration with { Model = Seeing() })).ShouldBeEmpty();
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

    private static void Drawings(IServiceCollection services) => services.AddSingleton<ITaskSuite, DrawnSuite>();

    /// <summary>A model that sees: the weights of a fixture with a tokenizer.</summary>
    private string Seeing()
    {
        var model = Path.Combine(_folder.Path, "seeing");
        Directory.CreateDirectory(model);
        foreach (var file in Directory.GetFiles(ImageFiles.Fixture))
        {
            File.Copy(file, Path.Combine(model, Path.GetFileName(file)), overwrite: true);
        }

        ImageFiles.WriteSeeingChat(model);
        return model;
    }

    private Task<IReadOnlyList<Problem>> CheckAsync(RunConfiguration configuration, string name = "r", PreflightHost? host = null, Action<IServiceCollection>? services = null) =>
        Preflight.CheckAsync(configuration, new RunFolders(_folder.Path), name, services, host ?? PreflightHost.Training, TestContext.Current.CancellationToken);

    /// <summary>Asks about images, without tools.</summary>
    private sealed class DrawnSuite : IImageSuite
    {
        public string Name => "drawings";

        public string Category => "perception";

        public IReadOnlyList<string> Tools => [];

        public IReadOnlyList<Question> Draw(Split split, ChanceKey key, int count) => [.. Enumerable.Range(0, count).Select(i => new Question
        {
            Id = $"d{i}",
            Suite = Name,
            Category = Category,
            Text = "Which shade is it?",
            Answer = "7",
            Verifier = "exact",
            Images = ["suite:drawings/7"],
        })];

        public ReadOnlyMemory<byte> Render(string drawing) => ImageFiles.Png(8, 8, byte.Parse(drawing, CultureInfo.InvariantCulture));
    }
}
