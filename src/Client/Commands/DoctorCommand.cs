using System.CommandLine;
using Axpo.Silo.Diagnostics;
using Axpo.Silo.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Spectre.Console;

namespace Axpo.Client.Commands;

/// <summary><c>axpo doctor</c></summary>
internal static class DoctorCommand
{
    public static Command Create(CommandContext context)
    {
        var options = new ConfigurationOptions(context);
        var command = new Command("doctor", "Says what this machine can do, and how to mend what it cannot.");
        options.AddTo(command, "--algorithm", "--seed", "--steps");
        return command.Does(async (parsed, cancellationToken) =>
        {
            var configuration = options.Load(parsed).Configuration;
            var (tools, shipped) = (configuration.Tools, new RunConfiguration().Model);
            await using var services = new ServiceCollection().AddAxpoTools(tools).BuildServiceProvider();
            var doctor = new MachineDoctor(context.Folders, Path.GetDirectoryName(ModelFolders.Resolve(shipped))!, [.. services.GetServices<ITool>()], context.Time)
            {
                Model = configuration.Model == shipped ? null : ModelFolders.Resolve(configuration.Model),
            };
            var report = await doctor.ExamineAsync(cancellationToken);
            Write(context, report);
            return !report.Ready ? ExitCode.Environment : report.Checks.Any(c => c is { Name: MachineDoctor.ModelCheck, State: CheckState.Fails }) ? ExitCode.BadInput : ExitCode.Done;
        });
    }

    /// <summary>Shows a report.</summary>
    internal static void Write(CommandContext context, MachineReport report)
    {
        if (context.Json)
        {
            context.WriteJson(report);
            return;
        }

        var table = new Table().Border(TableBorder.Rounded).AddColumn("").AddColumn("what").AddColumn("found");
        foreach (var check in report.Checks)
        {
            var found = Markup.Escape(check.Detail) + (check.Remedy is { } remedy ? "\n[bold]" + Markup.Escape(remedy) + "[/]" : "");
            table.AddRow(check.State == CheckState.Works ? "[green]ok[/]" : "[red]missing[/]", Markup.Escape(check.Name), found);
        }

        context.Console.Write(table);
        context.Console.MarkupLine(report.Ready ? "[green]The quickstart will run:[/] axpo train" : "[red]The quickstart will not run.[/] Mend what is marked, then ask again: axpo doctor");
    }
}
