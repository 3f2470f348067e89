using System.CommandLine;
using System.Globalization;
using Axpo.Client.Episodes;
using Axpo.Silo.Replay;
using Spectre.Console;

namespace Axpo.Client.Commands;

/// <summary><c>axpo episodes replay</c>: one episode again, compared with what is stored.</summary>
internal static class EpisodesReplayCommand
{
    public static Command Create(CommandContext context)
    {
        var id = new Argument<string>("ID") { Description = EpisodesShowCommand.IdDescription };
        return new Command("replay", "Runs a stored episode again with its stored weights and compares; exits with 1 if something differs.") { id }.Does(async (parsed, cancellationToken) =>
        {
            var episode = EpisodesShowCommand.Parse(parsed.GetRequiredValue(id));
            await using var source = await EpisodeSource.OpenAsync(context, episode.Run, cancellationToken);
            var stored = await source.ReadAsync(episode, cancellationToken);
            var result = await new EpisodeReplay(context.Folders, null).RunAsync(source.Manifest, stored, cancellationToken);
            if (context.Json)
            {
                context.WriteJson(result);
            }
            else
            {
                Write(context.Console, result);
            }

            return result.IsIdentical ? ExitCode.Done : ExitCode.Failed;
        });
    }

    private static void Write(IAnsiConsole console, ReplayResult result)
    {
        console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{result.Episode}, with the weights of step {result.WeightsStep} ({result.WeightsFolder})"));
        if (result.Note is { } note)
        {
            console.WriteLine(note);
        }

        if (result.Difference is not { } difference)
        {
            console.MarkupLine(string.Create(CultureInfo.InvariantCulture, $"[green]identical[/] ({result.Tokens} tokens, {result.Calls} {(result.Calls == 1 ? "call" : "calls")})"));
            return;
        }

        console.MarkupLine($"[red]different[/]: {Safe(Place(result, difference))}");
        var facts = new Grid().AddColumn(new GridColumn().NoWrap().PadRight(3)).AddColumn();
        facts.AddRow("stored", $"[bold]{Safe(difference.Stored)}[/]");
        facts.AddRow("now", $"[bold]{Safe(difference.Replayed)}[/]");
        if (result.Text is { } text)
        {
            facts.AddRow("text before", $"[dim]{Safe(text.Before)}[/]");
            facts.AddRow("text stored", Safe(text.Stored));
            facts.AddRow("text now", Safe(text.Replayed));
        }

        console.Write(facts);
    }

    private static string Place(ReplayResult result, RolloutDifference difference)
    {
        var what = difference.What == RolloutDifference.Token ? "" : difference.Segment is null ? difference.What : difference.What + " of ";
        return (difference.Position, difference.Segment) switch
        {
            ({ } token, { } segment) => string.Create(CultureInfo.InvariantCulture, $"{what}token {token} of {result.Tokens} ({Formats.Name(segment)})"),
            ({ } token, _) => string.Create(CultureInfo.InvariantCulture, $"{what}, from token {token} on"),
            _ => what,
        };
    }

    private static string Safe(string text) => Markup.Escape(Formats.Untrusted(text));
}
