using System.CommandLine;
using System.Globalization;
using Axpo.Client.Episodes;
using Axpo.Silo.Hosting;
using Spectre.Console;

namespace Axpo.Client.Commands;

/// <summary><c>axpo episodes show</c>: one episode, turn by turn.</summary>
internal static class EpisodesShowCommand
{
    /// <summary>What an episode's id looks like.</summary>
    internal const string IdDescription = "Id of the episode: RUN/PHASE/STEP/QUESTION/ROLLOUT, then /bBOUNDARYrK or /tTURNrK for a continuation.";

    public static Command Create(CommandContext context)
    {
        var id = new Argument<string>("ID") { Description = IdDescription };
        var logProbs = new Option<bool>("--log-probs") { Description = "Log-prob, entropy and weights version of every sampled token." };
        var model = new Option<string?>("--model") { Description = "Folder of the run's model, if it has moved: its tokenizer is needed.", HelpName = "FOLDER" };
        return new Command("show", "Shows an episode turn by turn.") { id, logProbs, model }.Does(async (parsed, cancellationToken) =>
        {
            var episode = Parse(parsed.GetRequiredValue(id));
            await using var source = await EpisodeSource.OpenAsync(context, episode.Run, cancellationToken);
            var rollout = await source.ReadAsync(episode, cancellationToken);
            var chat = source.Chat(parsed.GetValue(model));
            var question = await source.QuestionAsync(rollout, cancellationToken);
            var turns = EpisodeTranscript.Of(rollout, chat);
            if (context.Json)
            {
                context.WriteJson(new EpisodeDocument(rollout, question, turns, parsed.GetValue(logProbs) ? [.. Tokens(rollout, chat)] : null));
                return ExitCode.Done;
            }

            WriteHead(context.Console, rollout, question);
            foreach (var turn in turns)
            {
                WriteTurn(context, rollout, turn);
            }

            if (parsed.GetValue(logProbs))
            {
                WriteTokens(context.Console, Tokens(rollout, chat));
            }

            return ExitCode.Done;
        });
    }

    /// <summary>An outcome in colour.</summary>
    internal static string Outcome(Outcome outcome) => outcome switch
    {
        Core.Outcome.Correct => "[green]correct[/]",
        Core.Outcome.Wrong => "[red]wrong[/]",
        _ => "[yellow]void[/]",
    };

    /// <summary>Reads an episode's id.</summary>
    /// <exception cref="PreflightException">It is none.</exception>
    internal static EpisodeId Parse(string text)
    {
        try
        {
            return EpisodeId.Parse(text);
        }
        catch (FormatException)
        {
            throw new PreflightException([new Problem("ID", text, "is no episode id; it should look like RUN/train/STEP/QUESTION/ROLLOUT[/bBOUNDARYrK or /tTURNrK]")]);
        }
    }

    private static void WriteHead(IAnsiConsole console, Rollout rollout, Question? question)
    {
        var facts = new Grid().AddColumn(new GridColumn().NoWrap().PadRight(3)).AddColumn();
        facts.AddRow("episode", $"[bold]{Markup.Escape(rollout.Id.ToString())}[/]");
        facts.AddRow("outcome", Outcome(rollout.Outcome) + ", " + Formats.Name(rollout.End) + (rollout.Cause == VoidCause.None ? "" : $", cause: {Formats.Name(rollout.Cause)}"));
        if (rollout.Detail is { } detail)
        {
            facts.AddRow("detail", Safe(detail));
        }

        facts.AddRow("question", Safe(question?.Text ?? $"{rollout.QuestionId} (its text is not known here)") + $" [dim]({Safe(rollout.Suite)})[/]");
        facts.AddRow("answer", (rollout.Answer is { } answer ? $"[bold]{Safe(answer)}[/]" : "none") + (question is null ? "" : $"   truth [bold]{Safe(question.Answer)}[/] [dim]({Safe(question.Verifier)})[/]"));
        facts.AddRow("size", string.Create(CultureInfo.InvariantCulture, $"{rollout.Turns} turns, {rollout.Calls.Length} calls, {rollout.Tokens.Length} tokens, {rollout.SampledTokens} of them sampled here{(rollout.Attempts > 1 ? $", attempt {rollout.Attempts}" : "")}"));
        if (rollout.Id.Parent is { } parent)
        {
            facts.AddRow("continues", string.Create(CultureInfo.InvariantCulture, $"{Safe(parent.ToString())}, whose first {rollout.InheritedTokens} tokens are its own [dim](dimmed below)[/]"));
        }

        console.Write(facts);
    }

    private static void WriteTurn(CommandContext context, Rollout rollout, TranscriptTurn turn)
    {
        var console = context.Console;
        console.Write(new Rule(turn.Number == 0 ? "prompt" : string.Create(CultureInfo.InvariantCulture, $"turn {turn.Number}")).LeftJustified().RuleStyle("dim"));
        var grid = new Grid().AddColumn(new GridColumn().NoWrap().Width(12)).AddColumn();
        var callShown = false;
        foreach (var piece in turn.Pieces.Where(p => context.Verbose || p.Kind is not (SegmentKind.Template or SegmentKind.EndOfTurn)))
        {
            if (piece.Kind == SegmentKind.ToolCall && turn.Call is { Name.Length: > 0 } call)
            {
                if (!callShown)
                {
                    callShown = true;
                    grid.AddRow(Label("call", "yellow", rollout.InheritedTokens >= call.End), Call(call, rollout.InheritedTokens));
                }

                continue;
            }

            var (label, style) = Style(piece.Kind, turn.Call, rollout.Outcome);
            grid.AddRow(Label(label, style, piece.Inherited), $"[{(piece.Inherited ? "dim" : style)}]{Safe(piece.Text.Trim('\n'))}[/]");
        }

        console.Write(grid);
    }

    /// <summary>Tool, then each argument; long ones on lines of their own.</summary>
    private static string Call(ToolCall call, int inheritedTokens)
    {
        var style = inheritedTokens >= call.End ? "dim" : "yellow";
        var notes = (inheritedTokens > call.Start && inheritedTokens < call.End ? " [dim](opening tag inherited)[/]" : "") + (call.Closed ? "" : " [red](cut off, not executed)[/]");
        return $"[{style}]{Safe(call.Name)}[/]{notes}\n[{style}]{Safe(CallArguments.Readable(call.Arguments))}[/]";
    }

    private static (string Label, string Style) Style(SegmentKind kind, ToolCall? call, Outcome outcome) => kind switch
    {
        SegmentKind.Prompt => ("prompt", "dim"),
        SegmentKind.Think => ("think", "default"),
        SegmentKind.ToolCall => ("call", "yellow"),
        SegmentKind.Observation => call is { IsError: true } ? ("error", "red") : ("observation", "aqua"),
        SegmentKind.Answer => ("answer", outcome == Core.Outcome.Correct ? "green" : outcome == Core.Outcome.Wrong ? "red" : "yellow"),
        SegmentKind.EndOfTurn => ("end of turn", "dim"),
        _ => ("template", "dim"),
    };

    private static string Label(string label, string style, bool inherited) => $"[{(inherited ? "dim" : style)}]{label}[/]";

    private static void WriteTokens(IAnsiConsole console, IEnumerable<TokenLine> tokens)
    {
        var table = new Table().Border(TableBorder.Rounded).Title("sampled tokens").AddColumns("position", "segment", "id", "text", "log-prob", "probability", "entropy", "version");
        foreach (var token in tokens)
        {
            var style = token.Inherited ? "dim" : "default";
            table.AddRow(new[]
            {
                token.Index.ToString(CultureInfo.InvariantCulture),
                Formats.Name(token.Segment),
                token.Token.ToString(CultureInfo.InvariantCulture),
                Formats.Untrusted(token.Text).Replace("\n", "\u240A", StringComparison.Ordinal),
                token.LogProb.ToString("F4", CultureInfo.InvariantCulture),
                Math.Exp(token.LogProb).ToString("F4", CultureInfo.InvariantCulture),
                token.Entropy.ToString("F4", CultureInfo.InvariantCulture),
                token.Version.ToString(CultureInfo.InvariantCulture),
            }.Select(t => $"[{style}]{Markup.Escape(t)}[/]").ToArray());
        }

        console.Write(table);
    }

    private static IEnumerable<TokenLine> Tokens(Rollout rollout, IChatFormat chat) =>
        from segment in rollout.Segments
        where segment.IsSampled
        from t in Enumerable.Range(segment.Start, segment.Length)
        select new TokenLine(t, segment.Kind, rollout.Tokens[t], chat.Decode([rollout.Tokens[t]]), rollout.LogProbs[t], rollout.Entropies[t], rollout.Versions[t], t < rollout.InheritedTokens);

    private static string Safe(string text) => Markup.Escape(Formats.Untrusted(text));

    private sealed record TokenLine(int Index, SegmentKind Segment, int Token, string Text, double LogProb, double Entropy, int Version, bool Inherited);

    private sealed record EpisodeDocument(
        EpisodeId Id, string Suite, string QuestionId, string? Question, string? Truth, string? Answer, Outcome Outcome, VoidCause Cause, string? Detail, EndReason End, int Attempts,
        int InheritedTokens, IReadOnlyList<ToolCall> Calls, IReadOnlyList<TranscriptTurn> Turns, IReadOnlyList<TokenLine>? SampledTokens)
    {
        public EpisodeDocument(Rollout rollout, Question? question, IReadOnlyList<TranscriptTurn> turns, IReadOnlyList<TokenLine>? tokens)
            : this(rollout.Id, rollout.Suite, rollout.QuestionId, question?.Text, question?.Answer, rollout.Answer, rollout.Outcome, rollout.Cause, rollout.Detail, rollout.End, rollout.Attempts,
                rollout.InheritedTokens, rollout.Calls, turns, tokens)
        {
        }
    }
}
