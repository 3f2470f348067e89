using System.CommandLine;

namespace Axpo.Client.Commands;

/// <summary><c>axpo episodes</c></summary>
internal static class EpisodesCommand
{
    public static Command Create(CommandContext context) => new("episodes", "Lists, shows and replays stored episodes.")
    {
        EpisodesListCommand.Create(context),
        EpisodesShowCommand.Create(context),
        EpisodesReplayCommand.Create(context),
    };
}
