using System.CommandLine;
using System.CommandLine.Parsing;
using Axpo.Silo.Hosting;

namespace Axpo.Client;

/// <summary>Says what is wrong with a command line, with the nearest name that exists.</summary>
internal static class CommandLineErrors
{
    /// <summary>All problems of a command line that has some.</summary>
    public static PreflightException Of(ParseResult parsed)
    {
        var problems = new List<Problem>();
        if (parsed.UnmatchedTokens.Count > 0)
        {
            // What follows an unknown option is most likely its value.
            var options = parsed.UnmatchedTokens.Where(t => t.StartsWith('-')).ToArray();
            problems.AddRange(options.Length > 0 ? options.Select(o => UnknownOption(parsed, o)) : [UnknownWord(parsed, parsed.UnmatchedTokens[0])]);
        }
        else
        {
            problems.AddRange(parsed.Errors.Select(e => Rephrase(parsed, e)).Distinct());
        }

        return new PreflightException(problems);
    }

    private static Problem UnknownOption(ParseResult parsed, string token)
    {
        var name = token.Split('=')[0];
        return new Problem("axpo" + Path(parsed), token, "unknown option" + NearestName.Hint(name, [.. Chain(parsed).SelectMany(c => c.Options).Where(o => !o.Hidden).Select(o => o.Name).Distinct(StringComparer.Ordinal)]));
    }

    private static Problem UnknownWord(ParseResult parsed, string token)
    {
        var commands = parsed.CommandResult.Command.Subcommands.Where(c => !c.Hidden).Select(c => c.Name).ToArray();
        return new Problem("axpo" + Path(parsed), token, commands.Length > 0 ? "unknown command" + NearestName.Hint(token, commands) : "one argument too many; see axpo" + Path(parsed) + " --help");
    }

    private static Problem Rephrase(ParseResult parsed, ParseError error)
    {
        var commands = parsed.CommandResult.Command.Subcommands.Where(c => !c.Hidden).Select(c => c.Name).ToArray();
        return error.SymbolResult switch
        {
            OptionResult { Option: var option, Tokens: [var token] } when Expected(option.ValueType) is { } expected && !option.HasCustomChoice() => new Problem(option.Name, token.Value, $"expected {expected}"),
            OptionResult { Option: var option, Tokens.Count: 0 } => new Problem(option.Name, "", $"needs a value{(option.HelpName is { } help ? " " + help : "")}"),
            ArgumentResult { Argument: var argument, Tokens: [var token] } when Expected(argument.ValueType) is { } expected => new Problem(argument.Name, token.Value, $"expected {expected}"),
            ArgumentResult { Argument: var argument, Tokens.Count: 0 } => new Problem("axpo" + Path(parsed), "", $"needs {argument.Name}; see axpo{Path(parsed)} --help"),
            CommandResult when commands.Length > 0 && parsed.CommandResult.Command.Action is null => new Problem("axpo" + Path(parsed), "", "needs a command; there are " + string.Join(", ", commands.Order(StringComparer.Ordinal))),
            _ => new Problem("axpo" + Path(parsed), "", error.Message),
        };
    }

    private static bool HasCustomChoice(this Option option) => option.ValueType == typeof(string);

    private static string? Expected(Type type) => Type.GetTypeCode(Nullable.GetUnderlyingType(type) ?? type) switch
    {
        _ when (Nullable.GetUnderlyingType(type) ?? type).IsEnum => "one of " + string.Join(", ", Enum.GetNames(Nullable.GetUnderlyingType(type) ?? type)),
        TypeCode.Int32 or TypeCode.Int64 => "a whole number",
        TypeCode.UInt32 or TypeCode.UInt64 => "a whole number of at least 0",
        TypeCode.Double or TypeCode.Single => "a number",
        TypeCode.Boolean => "true or false",
        _ => null,
    };

    /// <summary>The command and those above it.</summary>
    private static IEnumerable<Command> Chain(ParseResult parsed)
    {
        for (SymbolResult? result = parsed.CommandResult; result is not null; result = result.Parent)
        {
            if (result is CommandResult command)
            {
                yield return command.Command;
            }
        }
    }

    private static string Path(ParseResult parsed) => string.Concat(Chain(parsed).Where(c => c is not RootCommand).Reverse().Select(c => " " + c.Name));
}
