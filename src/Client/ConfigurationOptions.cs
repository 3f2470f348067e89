using System.CommandLine;
using Axpo.Silo.Configuration;

namespace Axpo.Client;

/// <summary>The options of a command that needs a run's configuration.</summary>
internal sealed class ConfigurationOptions(CommandContext context)
{
    private readonly Option<string?> _file = new("--config") { Description = "A JSON file with the configuration (docs/console.md lists the keys).", HelpName = "FILE" };
    private readonly Option<string[]> _sets = new("--set") { Description = "Sets a key, for example rollouts.groupSize=8; may be given more than once.", HelpName = "PATH=VALUE", DefaultValueFactory = _ => [] };
    private readonly (Option<string?> Option, string Key)[] _sugar =
    [
        (new Option<string?>("--algorithm") { Description = "Algorithm preset; axpo presets list names them.", HelpName = "NAME" }, "algorithm"),
        (new Option<string?>("--conventions") { Description = "Numeric conventions of axpo, verl or trl.", HelpName = "NAME" }, "conventions"),
        (new Option<string?>("--model") { Description = "Folder of the policy to start from.", HelpName = "FOLDER" }, "model"),
        (new Option<string?>("--seed") { Description = "Seed of every random draw.", HelpName = "N" }, "seed"),
        (new Option<string?>("--steps") { Description = "Training steps.", HelpName = "N" }, "steps"),
    ];

    /// <summary>Adds them to a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="except">Sugar that the command has no use for, for example <c>--steps</c>.</param>
    public void AddTo(Command command, params string[] except)
    {
        command.Add(_file);
        command.Add(_sets);
        foreach (var (option, _) in _sugar.Where(s => !except.Contains(s.Option.Name)))
        {
            command.Add(option);
        }
    }

    /// <summary>Reads file, environment and options.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="defaults">What holds where nothing else is said.</param>
    /// <param name="isTraining">Whether the configuration is to be trained.</param>
    /// <param name="more">More assignments with the options that made them; they win.</param>
    /// <exception cref="Axpo.Silo.Hosting.PreflightException">Something is wrong.</exception>
    public LoadedConfiguration Load(ParseResult parsed, RunConfiguration? defaults = null, bool isTraining = false, params (string Option, string Assignment)[] more)
    {
        var sugar = _sugar.Where(s => parsed.GetResult(s.Option) is not null).Select(s => (s.Option.Name, $"{s.Key}={parsed.GetValue(s.Option)}"));
        var loaded = RunConfigurationLoader.Load(new ConfigurationSources
        {
            Defaults = defaults ?? new RunConfiguration(),
            File = parsed.GetValue(_file),
            Environment = ConfigurationSources.OfProcess(),
            Sets = [.. parsed.GetRequiredValue(_sets).Select(s => ("--set", s)), .. sugar, .. more],
            IsTraining = isTraining,
        });
        foreach (var warning in loaded.Warnings)
        {
            Errors.Say(context, ExitCode.Done, $"warning: {warning}");
        }

        return loaded;
    }
}
