using System.CommandLine;
using System.CommandLine.Help;
using Axpo.Client.Commands;

namespace Axpo.Client;

/// <summary>The console's root: every command is a file in Commands.</summary>
internal static class AxpoCommand
{
    /// <summary>Runs a command line.</summary>
    /// <returns>The exit code (<see cref="ExitCode"/>).</returns>
    public static async Task<int> RunAsync(IReadOnlyList<string> args, CommandContext context)
    {
        var options = new GlobalOptions();
        var parsed = Create(context, options).Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        context.Apply(parsed, options);
        if (parsed.Errors.Count > 0 && parsed.Action is not HelpAction)
        {
            return (int)Errors.Report(context, CommandLineErrors.Of(parsed));
        }

        try
        {
            var configuration = new InvocationConfiguration
            {
                Output = context.Output,
                Error = context.Error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
            };
            return await parsed.InvokeAsync(configuration, context.Stop);
        }
        catch (Exception e)
        {
            return (int)Errors.Report(context, e);
        }
    }

    /// <summary>Sets what a command does.</summary>
    public static Command Does(this Command command, Func<ParseResult, CancellationToken, Task<ExitCode>> action)
    {
        command.SetAction(async (parsed, cancellationToken) => (int)await action(parsed, cancellationToken));
        return command;
    }

    private static RootCommand Create(CommandContext context, GlobalOptions options)
    {
        var root = new RootCommand("Axpo: train tool-using agents with reinforcement learning, on actors.");
        options.AddTo(root);
        root.Add(TrainCommand.Create(context));
        root.Add(EvalCommand.Create(context));
        root.Add(RolloutCommand.Create(context));
        root.Add(CompareCommand.Create(context));
        root.Add(ReportCommand.Create(context));
        root.Add(SftCommand.Create(context));
        root.Add(new Command("runs", "Lists, shows, watches, resumes and stops runs.")
        {
            RunsListCommand.Create(context),
            RunsShowCommand.Create(context),
            RunsLiveCommands.Watch(context),
            RunsLiveCommands.Resume(context),
            RunsLiveCommands.Cancel(context),
        });
        root.Add(EpisodesCommand.Create(context));
        root.Add(new Command("models", "Looks into model folders, and makes them of runs.")
        {
            ModelsInspectCommand.Create(context),
            ModelsExportCommand.Create(context),
        });
        root.Add(PresetsCommand.Create(context));
        root.Add(QuestionsCommand.Create(context));
        root.Add(SiloCommand.Create(context));
        root.Add(DoctorCommand.Create(context));
        root.SetAction(parsed => new HelpAction().Invoke(parsed));
        return root;
    }
}
