using System.CommandLine;

namespace Axpo.Client.Commands;

/// <summary><c>axpo episodes</c></summary>
internal static class EpisodesCommand
{
    public static Command Create(CommandContext context) => new("episodes", "Lists and shows stored episodes.")
    {
        EpisodesListCommand.Create(context),
        EpisodesShowCommand.Create(context),
    };
}
