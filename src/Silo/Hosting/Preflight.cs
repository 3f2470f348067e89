using Axpo.Environments.Questions;
using Axpo.Silo.Runs;
using Axpo.Silo.Storage;
using Axpo.Training.Chat;
using Axpo.Training.Devices;
using Axpo.Training.Generation;
using Axpo.Training.Memory;
using Axpo.Training.Models;
using Axpo.Training.Models.Lora;
using Microsoft.Extensions.DependencyInjection;

namespace Axpo.Silo.Hosting;

/// <summary>Tries everything that a run needs before anything starts; nothing is written.</summary>
public static class Preflight
{
    private const string Libtorch = "libtorch";

    /// <summary>Checks a run.</summary>
    /// <param name="configuration">What it shall do; its model is a full path.</param>
    /// <param name="folders">Where it shall be stored.</param>
    /// <param name="name">Its name; null: not a new run.</param>
    /// <param name="configureServices">A user's own tools, suites and verifiers.</param>
    /// <param name="host">What it is for and where.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>Every problem found; empty if the run can start.</returns>
    public static async Task<IReadOnlyList<Problem>> CheckAsync(
        RunConfiguration configuration, RunFolders folders, string? name, Action<IServiceCollection>? configureServices, PreflightHost host, CancellationToken cancellationToken)
    {
        var problems = new List<Problem>();
        CheckFolder(folders, problems);
        if (name is not null)
        {
            CheckName(folders, name, problems);
        }

        var sees = CheckModel(configuration, problems);
        CheckDevices(configuration, problems);
        if (problems.Count == 0 && host.IsHere)
        {
            problems.AddRange(MemoryCheck.Check(PlanOf(configuration, host), host.Memory, Accelerator.All()));
        }

        CheckPipeline(configuration.Tools.Python, problems);
        var services = new ServiceCollection().AddAxpoTools(configuration.Tools).AddSingleton<IImageStore>(new FileImageStore(folders));
        configureServices?.Invoke(services);
        await using var provider = services.BuildServiceProvider();
        await CheckTasksAsync(configuration, host.Trains, sees, provider, problems, cancellationToken);
        return problems;
    }

    /// <summary>Checks what supervised fine-tuning needs.</summary>
    /// <param name="configuration">Its model, where there is one, is a full path.</param>
    /// <param name="hasModel">Whether it goes on from a model.</param>
    /// <param name="shows">Whether it shows pictures.</param>
    /// <returns>Every problem found.</returns>
    public static IReadOnlyList<Problem> CheckSft(RunConfiguration configuration, bool hasModel, bool shows)
    {
        var problems = new List<Problem>();
        if (hasModel && CheckModel(configuration, problems) == false && shows)
        {
            problems.Add(new Problem("model", configuration.Model, "reads text only, and the recipe shows pictures; give a model that sees (Qwen3-VL)"));
        }

        CheckDevice("learner.device", configuration.Learner.Device, problems);
        return problems;
    }

    /// <summary>The run with its devices as they will be chosen.</summary>
    private static MemoryPlan PlanOf(RunConfiguration configuration, PreflightHost host) => new()
    {
        Model = DecoderConfig.FromFolder(configuration.Model),
        Run = configuration,
        Trains = host.Trains,
        IsAdapter = LoraShape.IsIn(configuration.Model),
        EngineDevice = ComputeDevice.Settle(PolicyEngine.DeviceSetting(configuration.Engine)),
        LearnerDevice = ComputeDevice.Settle(configuration.Learner.Device),
    };

    private static void CheckFolder(RunFolders folders, List<Problem> problems)
    {
        var existing = new DirectoryInfo(Path.GetFullPath(folders.Root));
        while (!existing.Exists && !File.Exists(existing.FullName) && existing.Parent is { } parent)
        {
            existing = parent;
        }

        var probe = Path.Combine(existing.FullName, $".axpo-{Guid.NewGuid():N}");
        try
        {
            if (!existing.Exists)
            {
                throw new IOException($"'{existing.FullName}' is a file");
            }

            File.WriteAllBytes(probe, []);
            File.Delete(probe);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problems.Add(new Problem("--runs", folders.Root, $"cannot be written ({e.Message}); choose a folder that can, with --runs FOLDER", IsEnvironment: true));
        }
    }

    private static void CheckName(RunFolders folders, string name, List<Problem> problems)
    {
        try
        {
            if (File.Exists(folders.Manifest(name)))
            {
                problems.Add(new Problem("--name", name, $"a run of that name exists; choose another, or go on with it: axpo runs resume {name}"));
            }
        }
        catch (ArgumentException)
        {
            problems.Add(new Problem("--name", name, $"is no name for a run; use 1 to {RunFolders.MaxNameLength} letters, digits, '-', '_' or '.', not starting with a dot"));
        }
    }

    /// <summary>Checks the model.</summary>
    /// <returns>Whether it sees images; null: who knows.</returns>
    private static bool? CheckModel(RunConfiguration configuration, List<Problem> problems)
    {
        var folder = configuration.Model;
        if (!Directory.Exists(folder))
        {
            problems.Add(new Problem("model", folder, "there is no such folder; give a Hugging Face folder, for example models/axpo-tiny-gap"));
            return null;
        }

        try
        {
            Decoder.CheckFolder(folder);
            var chat = ChatFormats.FromFolder(folder, configuration.Chat);
            var context = DecoderConfig.FromFolder(folder).MaxPositions;
            if (configuration.Engine.MaxContext > context)
            {
                problems.Add(new Problem("engine.maxContext", $"{configuration.Engine.MaxContext}", $"is more than the model's {context}; give at most that, or 0 for the model's own"));
            }

            return chat.SeesImages;
        }
        catch (Exception e) when (e is IOException or InvalidDataException or NotSupportedException or System.Text.Json.JsonException)
        {
            const string Field = "model: ";
            problems.Add(new Problem("model", folder, e.Message.StartsWith(Field, StringComparison.Ordinal) ? e.Message[Field.Length..] : e.Message));
        }
        catch (DllNotFoundException e)
        {
            problems.Add(new Problem(Libtorch, "", e.Message, IsEnvironment: true));
        }

        return null;
    }

    private static void CheckDevices(RunConfiguration configuration, List<Problem> problems)
    {
        CheckDevice("learner.device", configuration.Learner.Device, problems);
        if (PolicyEngine.WhyNotTogether(configuration.Engine) is { } why)
        {
            problems.Add(new Problem("engine.device", configuration.Engine.Device, why));
        }
        else
        {
            CheckDevice("engine.device", configuration.Engine.Device, problems);
        }
    }

    private static void CheckDevice(string key, string setting, List<Problem> problems)
    {
        try
        {
            if (ComputeDevice.WhyNot(setting) is { } why)
            {
                problems.Add(new Problem(key, setting, why, IsEnvironment: true));
            }
        }
        catch (DllNotFoundException e)
        {
            if (!problems.Any(p => p.Field == Libtorch))
            {
                problems.Add(new Problem(Libtorch, "", e.Message, IsEnvironment: true));
            }
        }
    }

    private static void CheckPipeline(PythonOptions python, List<Problem> problems)
    {
        if (python.Pipeline.DeadlineSeconds <= python.TimeoutSeconds)
        {
            problems.Add(new Problem(
                "tools.python.pipeline.deadlineSeconds",
                FormattableString.Invariant($"{python.Pipeline.DeadlineSeconds}"),
                FormattableString.Invariant($"must be longer than tools.python.timeoutSeconds = {python.TimeoutSeconds}: code that is too slow is the policy's error, a deadline is an outage")));
        }
    }

    private static void CheckCurriculum(RunConfiguration configuration, IReadOnlyList<ITaskSuite> suites, List<Problem> problems)
    {
        if (suites.Any(s => GrowingChains.CanGrow(s, configuration.Curriculum)))
        {
            return;
        }

        var lengths = string.Join(", ", suites.Select(s => s is IHorizonSuite c ? FormattableString.Invariant($"{s.Name} ({c.HorizonMin} to {c.HorizonMax} calls)") : $"{s.Name} (no chains)"));
        problems.Add(new Problem(
            "curriculum.stepsPerCall",
            FormattableString.Invariant($"{configuration.Curriculum.StepsPerCall}"),
            FormattableString.Invariant($"nothing would grow: the suites are {lengths}, and curriculum.start is {configuration.Curriculum.Start}; ask a suite with chains, raise tasks.horizonMax above curriculum.start, or set it to 0")));
    }

    /// <summary>What an exception says, without what only a caller in code can use.</summary>
    private static string MessageOf(Exception e, string path)
    {
        var message = e is ArgumentException { ParamName: { } name } ? e.Message.Replace($" (Parameter '{name}')", "", StringComparison.Ordinal) : e.Message;
        return message.StartsWith(path, StringComparison.Ordinal) ? message[path.Length..] : message;
    }

    private static async Task CheckTasksAsync(RunConfiguration configuration, bool trains, bool? sees, IServiceProvider provider, List<Problem> problems, CancellationToken cancellationToken)
    {
        var tasks = configuration.Tasks;
        var catalog = provider.GetRequiredService<SuiteCatalog>();
        if (tasks.Questions is null && tasks.Suites.Keys.Except(catalog.Names, StringComparer.Ordinal).Order(StringComparer.Ordinal).ToArray() is { Length: > 0 } unknown)
        {
            problems.AddRange(unknown.Select(s => new Problem("tasks.suites", s, $"there is no suite '{s}'{NearestName.Hint(s, catalog.Names)}")));
            return;
        }

        IQuestionSource source;
        try
        {
            source = await catalog.OpenAsync(configuration, cancellationToken);
            if (sees == false && tasks.Questions is { } file)
            {
                QuestionFile.RequireText(file, source.Draw(0, Phase.Rollout, 0, Split.Test, int.MaxValue));
            }
        }
        catch (Exception e) when (e is KeyNotFoundException or ArgumentException or IOException or UnauthorizedAccessException or QuestionFileException)
        {
            var path = tasks.Questions is { } given ? given + ": " : "";
            problems.Add(new Problem(tasks.Questions is null ? "tasks" : "tasks.questions", tasks.Questions ?? "", MessageOf(e, path)));
            return;
        }

        if (trains && tasks.Questions is null && configuration.Curriculum.StepsPerCall > 0)
        {
            CheckCurriculum(configuration, catalog.Mix(tasks).Suites, problems);
        }

        if (sees == false && tasks.Questions is null && tasks.Suites.Where(s => s.Value > 0 && catalog[s.Key] is IImageSuite).Select(s => s.Key).Order(StringComparer.Ordinal).ToArray() is { Length: > 0 } shown)
        {
            problems.Add(new Problem("tasks.suites", string.Join(", ", shown), $"asks about images, and the model '{configuration.Model}' reads text only; give a model that sees (Qwen3-VL), or take the suite out"));
        }

        var tools = provider.GetServices<ITool>().ToDictionary(t => t.Spec.Name, StringComparer.Ordinal);
        var asked = tasks.Questions ?? string.Join(", ", tasks.Suites.Keys.Order(StringComparer.Ordinal));
        foreach (var name in source.Tools)
        {
            if (!tools.TryGetValue(name, out var tool))
            {
                var isMore = configuration.Evaluation.ToolNames().Contains(name, StringComparer.Ordinal);
                problems.Add(new Problem(isMore ? "evaluation.tools" : "tasks", isMore ? configuration.Evaluation.Tools! : asked, $"offers the tool '{name}', which is not registered; there are {string.Join(", ", tools.Keys.Order(StringComparer.Ordinal))}"));
            }
            else if (await tool.ProbeAsync(cancellationToken) is { Works: false } probe)
            {
                problems.Add(new Problem($"tool {name}", asked, $"does not work here: {probe.Detail}. {probe.Remedy}", IsEnvironment: true));
            }
        }
    }
}
