using System.CommandLine;
using System.Globalization;
using Axpo.Silo.Hosting;
using Spectre.Console;

namespace Axpo.Client.Commands;

/// <summary><c>axpo presets list</c> and <c>show</c>: the algorithms and conventions by name, and every value with its source.</summary>
internal static class PresetsCommand
{
    public static Command Create(CommandContext context) => new("presets", "Lists and shows the algorithm presets and numeric conventions.")
    {
        List(context),
        Show(context),
    };

    private static Command List(CommandContext context) => new Command("list", "Lists the algorithms and conventions.").Does((_, _) =>
    {
        if (context.Json)
        {
            context.WriteJson(new { algorithms = AlgorithmPresets.All.Select(Line), conventions = ConventionPresets.All.Select(Line) });
            return Task.FromResult(ExitCode.Done);
        }

        Write(context.Console, "algorithms (--algorithm NAME)", AlgorithmPresets.All);
        Write(context.Console, "numeric conventions (--conventions NAME)", ConventionPresets.All);
        return Task.FromResult(ExitCode.Done);

        static object Line(Preset preset) => new { name = preset.Name, summary = preset.Summary, source = preset.Source };
    });

    private static Command Show(CommandContext context)
    {
        var name = new Argument<string>("NAME") { Description = "Name of an algorithm or of conventions." };
        var conventions = new Option<string>("--conventions") { Description = "Numeric conventions over the algorithm's values.", HelpName = "NAME", DefaultValueFactory = _ => "axpo" };
        return new Command("show", "Shows every value of a run with this preset, and where each comes from.") { name, conventions }.Does((parsed, _) =>
        {
            var values = Values(parsed.GetRequiredValue(name), parsed.GetRequiredValue(conventions));
            if (context.Json)
            {
                context.WriteJson(values.Select(v => new { key = v.Path, value = ConfigurationKey.Text(v.Value), source = v.Source, preset = v.Preset }));
                return Task.FromResult(ExitCode.Done);
            }

            var table = new Table().Border(TableBorder.Rounded).AddColumns("key", "value", "set by", "source");
            foreach (var value in values)
            {
                var (open, close) = value.Preset is null ? ("", "") : ("[bold]", "[/]");
                table.AddRow($"{open}{Markup.Escape(value.Path)}{close}", $"{open}{Markup.Escape(ConfigurationKey.Text(value.Value))}{close}", Markup.Escape(value.Preset ?? "default"), Markup.Escape(value.Source));
            }

            context.Console.Write(table);
            context.Console.WriteLine("Any value can be overridden: --set KEY=VALUE.");
            return Task.FromResult(ExitCode.Done);
        });
    }

    /// <summary>Every value of a run: those that a preset sets first.</summary>
    private static IReadOnlyList<Shown> Values(string name, string conventions)
    {
        Preset[] layers = [.. Layers(name, conventions)];
        var configuration = layers.Aggregate(new RunConfiguration(), (c, layer) => layer.ApplyTo(c));
        return [.. ConfigurationKey.Values.Where(k => k.Path is not ("algorithm" or "conventions"))
            .Select(key =>
            {
                var layer = layers.LastOrDefault(l => l.Values.Any(v => v.Path == key.Path));
                return new Shown(key.Path, key.ValueIn(configuration), layer?.Values.First(v => v.Path == key.Path).Source ?? DefaultSources.Of(key.Path), layer?.Name);
            })
            .OrderBy(v => v.Preset is null)];
    }

    private static IEnumerable<Preset> Layers(string name, string conventions)
    {
        var algorithm = AlgorithmPresets.All.FirstOrDefault(p => p.Name == name);
        yield return algorithm ?? ConventionPresets.All.FirstOrDefault(p => p.Name == name)
            ?? throw new PreflightException([new Problem("NAME", name, "unknown" + NearestName.Hint(name, [.. AlgorithmPresets.Names, .. ConventionPresets.Names.Except(AlgorithmPresets.Names)]))]);
        yield return ConventionPresets.All.FirstOrDefault(p => p.Name == conventions)
            ?? throw new PreflightException([new Problem("--conventions", conventions, "unknown" + NearestName.Hint(conventions, ConventionPresets.Names))]);
    }

    private static void Write(IAnsiConsole console, string title, IReadOnlyList<Preset> presets)
    {
        var table = new Table().Border(TableBorder.Rounded).Title(title).AddColumns("name", "what it is", "source", "values");
        foreach (var preset in presets)
        {
            table.AddRow(Markup.Escape(preset.Name), Markup.Escape(preset.Summary), Markup.Escape(preset.Source), preset.Values.Count.ToString(CultureInfo.InvariantCulture));
        }

        console.Write(table);
    }

    private sealed record Shown(string Path, object? Value, string Source, string? Preset);
}
