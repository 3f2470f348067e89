using System.Globalization;

namespace Axpo.Silo.Reports;

/// <summary>Sample trajectories: a source with its continuations side by side, or the rollouts of an ordinary group.</summary>
internal static class Trajectories
{
    private const int MostCards = 8;

    /// <summary>Groups that have any text.</summary>
    public static IReadOnlyList<ReportGroup> Drawn(IReadOnlyList<ReportGroup> samples) => [.. samples.Where(g => g.Rollouts.Any(r => r.Pieces.Count > 0))];

    /// <summary>Rollouts of a group that have a card, in the order of their cards.</summary>
    public static IReadOnlyList<ReportRollout> Shown(ReportGroup group)
    {
        var (prefix, source) = Fork(group);
        return prefix is null || source is null ? [.. group.Rollouts.Take(MostCards)] : [source, .. prefix.Continuations.Take(MostCards)];
    }

    public static Markup Draw(IReadOnlyList<ReportGroup> samples, PictureMarkup pictures)
    {
        var shown = Drawn(samples);
        return shown.Count == 0 ? Markup.Empty : Markup.Of($"""
            <section id="trajectories"><h2>Trajectories</h2>
            <p class="about">A resampled prefix ends right after the opening tag of its source's call; its continuations start there and share it (dimmed). Every one is decoded from the tokens that were sampled.{(shown.Any(g => Shown(g).Any(r => r.Images.Count > 0)) ? " An image is one mark in the text and stands below it; a frame shows where a zoom looked." : "")}</p>
            <ul class="legend kinds"><li><i class="key k-think"></i>thinking</li><li><i class="key k-call"></i>tool call</li><li><i class="key k-observation"></i>observation</li><li><i class="key k-answer"></i>answer</li><li><i class="key k-inherited"></i>inherited prefix, or out of the loss</li></ul>
            {pictures.Definitions()}
            {shown.Select(g => Sample(g, pictures))}</section>

            """);
    }

    private static (ReportPrefix? Prefix, ReportRollout? Source) Fork(ReportGroup group)
    {
        var prefix = group.Prefixes.OrderByDescending(p => p.Recovered).FirstOrDefault();
        return (prefix, group.Rollouts.FirstOrDefault(r => r.Index == prefix?.Source));
    }

    private static Markup Sample(ReportGroup group, PictureMarkup pictures)
    {
        var (prefix, source) = Fork(group);
        var cards = prefix is null || source is null
            ? Shown(group).Select(r => Card(r, $"rollout {Figures.Count(r.Index)}", group.Phase, "", pictures))
            : Shown(group).Skip(1).Select(r => Card(r, $"continuation {Figures.Count(r.Index)}", group.Phase, "", pictures))
                .Prepend(Card(source, $"source: rollout {Figures.Count(source.Index)}", group.Phase, "source", pictures, prefix));
        return Markup.Of($"""
            <article class="sample">
            <header><h3>{(group.Text is { } text ? Figures.Cut(text, 600) : $"Question {Figures.Count(group.Question)}")}</h3>
            <p><span class="truth">answer {Figures.Cut(Truth(group), 80)}</span> {GroupTable.State(group)} <span class="where">{Where(group)}</span> {Marks.Row(group.Rollouts)}</p>{Shots(group.Images.Index().Select(i => pictures.Draw(i.Index, i.Item)))}</header>
            <div class="cards">
            {cards}</div></article>

            """);
    }

    private static string Truth(ReportGroup group) => GroupTable.Truth(group);

    private static string Where(ReportGroup group) => string.Create(CultureInfo.InvariantCulture, $"{group.Suite} · {EpisodeId.Name(group.Phase)} step {group.Step}, question {group.Question}");

    private static Markup Card(ReportRollout rollout, string title, Phase phase, string kind, PictureMarkup pictures, ReportPrefix? prefix = null)
    {
        var pieces = new List<Markup>();
        for (var i = 0; i < rollout.Pieces.Count; i++)
        {
            if (prefix is not null && rollout.Pieces[i].Role == PieceRole.Masked && (i == 0 || rollout.Pieces[i - 1].Role != PieceRole.Masked))
            {
                pieces.Add(Markup.Of($"""<p class="cut">prefix ends here{(double.IsNaN(prefix.Confidence) ? "" : $" · call's confidence {Figures.Share(prefix.Confidence)}")}</p>"""));
            }

            pieces.Add(Piece(rollout.Pieces[i], rollout.Images, pictures));
        }

        return Markup.Of($"""
            <div class="card {kind} {Marks.Name(rollout.Outcome)}">
            <h4><span>{title}</span> <span class="chip {Chip(rollout.Outcome)}">{Marks.Name(rollout.Outcome)}</span></h4>
            <p class="reward">{Reward(rollout, phase, prefix)}</p>
            {pieces}
            <p class="end">{End(rollout)}</p></div>

            """);
    }

    private static Markup Piece(ReportPiece piece, IReadOnlyList<ImageRef> images, PictureMarkup pictures)
    {
        var role = piece.Role == PieceRole.Own ? "" : piece.Role == PieceRole.Inherited ? "inherited" : "masked";
        var shots = Shots([piece.Zoom is { } zoom ? pictures.Draw(zoom, images[zoom.Image]) : Markup.Empty, .. piece.Images.Select(i => pictures.Draw(i, images[i]))]);
        return piece.Kind is SegmentKind.Template or SegmentKind.EndOfTurn
            ? Markup.Of($"""<div class="frame {role}">{piece.Text}{shots}</div>""")
            : Markup.Of($"""<div class="piece {Class(piece.Kind)} {role}"><b>{Name(piece.Kind)}</b><pre>{piece.Text}</pre>{shots}</div>""");
    }

    private static Markup Shots(IEnumerable<Markup> shots) => Markup.Join(shots) is { Text.Length: > 0 } drawn ? Markup.Of($"""<div class="shots">{drawn}</div>""") : Markup.Empty;

    private static string Reward(ReportRollout rollout, Phase phase, ReportPrefix? prefix)
    {
        var reward = rollout.Outcome == Outcome.Void ? $"no reward: {DropTable.Words(rollout.Cause)}" : $"reward {(rollout.Outcome == Outcome.Correct ? 1 : 0)}";
        return phase == Phase.Train && rollout.Advantage is { } advantage ? $"{reward} · {(prefix is null ? "advantage" : "advantage of the prefix")} {Figures.Signed(advantage, "0.00")}" : reward;
    }

    private static string End(ReportRollout rollout) =>
        (rollout.End switch
        {
            EndReason.Answered => rollout.Answer is { } answer ? $"answered {Figures.Cut(answer, 60)}" : "ended without an answer",
            EndReason.TurnLimit => "turn limit",
            EndReason.TokenLimit => "token limit",
            EndReason.ToolFailed => "a tool failed",
            _ => "void",
        }) + $" · {Figures.Plural(rollout.Turns, "turn")} · {Figures.Plural(rollout.SampledTokens, "token")} sampled";

    private static string Chip(Outcome outcome) => outcome switch
    {
        Outcome.Correct => "good",
        Outcome.Wrong => "bad",
        _ => "warn",
    };

    private static string Class(SegmentKind kind) => kind switch
    {
        SegmentKind.ToolCall => "k-call",
        SegmentKind.Observation => "k-observation",
        SegmentKind.Answer => "k-answer",
        _ => "k-think",
    };

    private static string Name(SegmentKind kind) => kind switch
    {
        SegmentKind.ToolCall => "call",
        SegmentKind.Observation => "observation",
        SegmentKind.Answer => "answer",
        _ => "think",
    };
}
