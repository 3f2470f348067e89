using System.CommandLine;
using Axpo.Client.Running;
using Axpo.Environments.Tools.Python;
using Axpo.Grains.Abstractions;
using Axpo.Silo.Configuration;
using Axpo.Silo.Hosting;
using Axpo.Silo.Reports;
using Microsoft.Extensions.DependencyInjection;
using Spectre.Console;

namespace Axpo.Client.Commands;

/// <summary><c>axpo train</c>; without options it is the quickstart.</summary>
internal static class TrainCommand
{
    /// <summary>The suites and the policy of the quickstart where python has no working sandbox.</summary>
    private static readonly (string Model, string[] Suites) WithoutSandbox = ("models/axpo-tiny", ["fact", "fact-chain"]);

    private const int StepsWithoutSandbox = 20;

    public static Command Create(CommandContext context)
    {
        var options = new ConfigurationOptions(context);
        var name = new Option<string?>("--name") { Description = "Name of the run; default: algorithm and time.", HelpName = "NAME" };
        var check = new Option<bool>("--check") { Description = "Of the quickstart: exit code 1 if the run does not repeat what docs/results says of it: the interval of the gain in Pass@1 above 0, tool use up, all-wrong rates down. Only seed, threads and devices may be set." };
        var command = new Command("train", "Trains a policy; without options the quickstart: AXPO on mental arithmetic, with a report at the end.") { name, check };
        options.AddTo(command);
        HostOptions.AddTo(command);
        return command.Does(async (parsed, cancellationToken) =>
        {
            var loaded = options.Load(parsed, isTraining: true);
            var isChecked = parsed.GetValue(check);
            if (isChecked && Unchecked(loaded) is { Count: > 0 } others)
            {
                throw new PreflightException([new Problem("--check", string.Join(", ", others), "holds the quickstart to its results: leave these to it (seed, threads and devices may be set), or leave --check out")]);
            }

            var configuration = await WithoutSandboxAsync(context, loaded, cancellationToken);
            var searchOnly = configuration.Model == WithoutSandbox.Model;
            configuration = RunSettings.Resolve(configuration);
            var run = parsed.GetValue(name) ?? RunJob.NewName(context, configuration.Algorithm);
            var result = await RunJob.StartAsync(context, run, RunKind.Train, configuration, new RunRequest { Kind = RunKind.Train }, HostOptions.Of(parsed));
            return await FinishAsync(context, result, isChecked ? s => QuickstartClaim.Of(s, searchOnly) : null);
        });
    }

    /// <summary>Summary and report of a training run that this process hosted.</summary>
    /// <param name="context">Where.</param>
    /// <param name="result">The run.</param>
    /// <param name="check">Claims that it is held to once it is done; null: none.</param>
    public static async Task<ExitCode> FinishAsync(CommandContext context, RunResult result, Func<RunSummary, IReadOnlyList<QuickstartClaim>>? check = null)
    {
        var summary = RunSummary.Of(result.Manifest, result.Rows);
        var claims = result.Status.Phase == RunPhase.Done ? check?.Invoke(summary) : null;
        SummaryTable.Write(context.Console, summary);
        var report = await ReportAsync(context, result);
        if (context.Json)
        {
            context.WriteJsonLine(new { run = result.Manifest.Name, phase = result.Status.Phase, step = result.Status.Step, message = result.Status.Message, summary, report, claims });
        }
        else if (report is not null)
        {
            context.Console.WriteLine($"report: {report}");
        }

        if (claims is null)
        {
            return RunJob.Exit(context, result.Status);
        }

        QuickstartClaim.Write(context.Console, claims);
        return claims.All(c => c.Holds) ? ExitCode.Done : Errors.Say(context, ExitCode.Failed, $"--check: {claims.Count(c => !c.Holds)} of {claims.Count} results of the quickstart were not repeated; the run itself is done");
    }

    /// <summary>The report; one that cannot be written costs the run nothing.</summary>
    private static async Task<string?> ReportAsync(CommandContext context, RunResult result)
    {
        if (result.Rows.Count == 0)
        {
            return null;
        }

        try
        {
            return await ReportCommand.WriteAsync(context, result.Manifest.Name, null, CancellationToken.None);
        }
        catch (Exception e)
        {
            Errors.Say(context, ExitCode.Done, $"the report could not be written ({e.Message}); try again with: axpo report {result.Manifest.Name}");
            return null;
        }
    }

    /// <summary>The quickstart goes on without python where its sandbox does not work, and says so. What was asked for by name is left as it is.</summary>
    private static async Task<RunConfiguration> WithoutSandboxAsync(CommandContext context, LoadedConfiguration loaded, CancellationToken cancellationToken)
    {
        var configuration = loaded.Configuration;
        if (!IsQuickstart(loaded))
        {
            return configuration;
        }

        await using var services = new ServiceCollection().AddAxpoTools(configuration.Tools).BuildServiceProvider();
        var probe = await services.GetRequiredService<PythonTool>().ProbeAsync(cancellationToken);
        if (probe.Works)
        {
            return configuration;
        }

        var (model, suites) = WithoutSandbox;
        context.Error.WriteLine($"axpo: python has no working sandbox here ({probe.Detail}); the quickstart goes on with {model} on {string.Join(" and ", suites)}. {probe.Remedy}");
        return SearchOnly(loaded);
    }

    /// <summary>What a configuration sets and <c>--check</c> must not find set: all that might change the result.</summary>
    internal static IReadOnlyList<string> Unchecked(LoadedConfiguration loaded) =>
        [.. loaded.Given.Where(k => k is not ("seed" or "learner.threads" or "learner.device" or "engine.workers" or "engine.device")).Where(k => k != "algorithm" || loaded.Configuration.Algorithm != new RunConfiguration().Algorithm).Order(StringComparer.Ordinal)];

    /// <summary>Whether a configuration leaves policy, tasks and python to the quickstart.</summary>
    internal static bool IsQuickstart(LoadedConfiguration loaded) =>
        !loaded.Given.Any(k => k == "model" || k.StartsWith("tasks.", StringComparison.Ordinal) || k.StartsWith("tools.python.", StringComparison.Ordinal));

    /// <summary>The quickstart on the suites that need no python.</summary>
    internal static RunConfiguration SearchOnly(LoadedConfiguration loaded)
    {
        var (model, suites) = WithoutSandbox;
        var configuration = loaded.Configuration;
        return configuration with
        {
            Model = model,

            // Chains are longer than sums: fewer steps take as long.
            Steps = loaded.Given.Contains("steps") ? configuration.Steps : StepsWithoutSandbox,
            Tasks = configuration.Tasks with { Suites = suites.ToDictionary(s => s, _ => 1.0, StringComparer.Ordinal), HorizonMin = 5, HorizonMax = 7 },
        };
    }
}
