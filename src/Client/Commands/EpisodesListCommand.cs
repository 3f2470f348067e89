using System.CommandLine;
using System.Globalization;
using Axpo.Client.Episodes;
using Axpo.Silo.Hosting;
using Spectre.Console;

namespace Axpo.Client.Commands;

/// <summary><c>axpo episodes list</c></summary>
internal static class EpisodesListCommand
{
    private const int ShownToPeople = 100;
    private static readonly string[] Outcomes = [.. Enum.GetValues<Outcome>().Select(Formats.Name)];
    private static readonly string[] Phases = [.. Enum.GetValues<Phase>().Select(EpisodeId.Name)];

    public static Command Create(CommandContext context)
    {
        var run = new Argument<string>("RUN") { Description = "Name of the run." };
        var phase = new Option<string?>("--phase") { Description = $"Only this phase: {string.Join(", ", Phases)}.", HelpName = "PHASE" };
        var step = new Option<int?>("--step") { Description = "Only this step.", HelpName = "N" };
        var outcome = new Option<string?>("--outcome") { Description = $"Only this outcome: {string.Join(", ", Outcomes)}.", HelpName = "OUTCOME" };
        var limit = new Option<int?>("--limit") { Description = $"At most so many; default: {ShownToPeople}, with --json all.", HelpName = "N" };
        return new Command("list", "Lists the stored episodes of a run; with --json one line each.") { run, phase, step, outcome, limit }.Does(async (parsed, cancellationToken) =>
        {
            var wantedPhase = Choice(phase.Name, parsed.GetValue(phase), Phases) is { } name ? EpisodeId.ParsePhase(name) : (Phase?)null;
            var wantedOutcome = Choice(outcome.Name, parsed.GetValue(outcome), Outcomes) is { } o ? (Outcome)Array.IndexOf(Outcomes, o) : (Outcome?)null;
            var most = parsed.GetValue(limit) ?? (context.Json ? int.MaxValue : ShownToPeople);
            if (most < 1)
            {
                throw new PreflightException([new Problem(limit.Name, most.ToString(CultureInfo.InvariantCulture), "expected a whole number of at least 1")]);
            }

            await using var source = await EpisodeSource.OpenAsync(context, parsed.GetRequiredValue(run), cancellationToken);
            var table = new Table().Border(TableBorder.Rounded).AddColumns("episode", "question", "outcome", "end", "calls", "turns", "sampled", "answer");
            var (shown, more) = (0, 0);
            await foreach (var rollout in source.ListAsync(wantedPhase, parsed.GetValue(step), cancellationToken))
            {
                if (wantedOutcome is { } wanted && rollout.Outcome != wanted)
                {
                    continue;
                }

                if (shown == most)
                {
                    more++;
                    continue;
                }

                shown++;
                if (context.Json)
                {
                    context.WriteJsonLine(new EpisodeLine(rollout.Id, rollout.Suite, rollout.QuestionId, rollout.Outcome, rollout.Cause, rollout.Detail, rollout.End, rollout.Calls.Length, rollout.Turns, rollout.SampledTokens, rollout.InheritedTokens, rollout.Answer));
                    continue;
                }

                table.AddRow(
                    Markup.Escape(rollout.Id.ToString()),
                    Markup.Escape(Formats.Untrusted(rollout.QuestionId)),
                    EpisodesShowCommand.Outcome(rollout.Outcome),
                    Formats.Name(rollout.End) + (rollout.Cause == VoidCause.None ? "" : ": " + Formats.Name(rollout.Cause)),
                    rollout.Calls.Length.ToString(CultureInfo.InvariantCulture),
                    rollout.Turns.ToString(CultureInfo.InvariantCulture),
                    rollout.SampledTokens.ToString(CultureInfo.InvariantCulture),
                    Markup.Escape(Formats.Untrusted(rollout.Answer ?? "-").ReplaceLineEndings(" ")));
            }

            if (!context.Json)
            {
                Finish(context, source.Manifest.Name, table, shown, more);
            }

            return ExitCode.Done;
        });
    }

    private static void Finish(CommandContext context, string run, Table table, int shown, int more)
    {
        if (shown == 0)
        {
            context.Console.WriteLine($"No episode of '{run}' is stored that fits.");
            return;
        }

        context.Console.Write(table);
        if (more > 0)
        {
            context.Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"and {more} more; --limit N shows more, --phase, --step and --outcome choose"));
        }
    }

    private static string? Choice(string option, string? value, string[] known) => value is null || known.Contains(value)
        ? value
        : throw new PreflightException([new Problem(option, value, "unknown" + NearestName.Hint(value, known))]);

    private sealed record EpisodeLine(EpisodeId Id, string Suite, string QuestionId, Outcome Outcome, VoidCause Cause, string? Detail, EndReason End, int Calls, int Turns, int SampledTokens, int InheritedTokens, string? Answer);
}
