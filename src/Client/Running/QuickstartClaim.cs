using Axpo.Silo.Reports;
using Spectre.Console;

namespace Axpo.Client.Running;

/// <summary>What docs/results says of the quickstart, as claims that a run repeats or does not (<c>axpo train --check</c>). Pure but for showing them.</summary>
/// <param name="Text">The claim, and where it stands.</param>
/// <param name="Figure">What the run came to.</param>
/// <param name="Holds">Whether the run repeats it.</param>
internal sealed record QuickstartClaim(string Text, string Figure, bool Holds)
{
    /// <summary>The claims about a run; a direction each, and of the gain in Pass@1 that its interval clears 0.</summary>
    /// <param name="summary">What the run came to.</param>
    /// <param name="searchOnly">Whether it was the quickstart without a sandbox, whose policy calls on every question: then its one claim is the gain.</param>
    public static IReadOnlyList<QuickstartClaim> Of(RunSummary summary, bool searchOnly)
    {
        var gain = summary.Gain;
        QuickstartClaim pass = new(
            "held-out Pass@1 rises",
            gain is null ? "no evaluation before and after" : $"gain {Figures.Signed(gain.Mean)}, 95% interval {Figures.Signed(gain.Low)} to {Figures.Signed(gain.High)}, which must lie above 0",
            gain?.Low > 0);
        return searchOnly
            ? [pass]
            :
            [
                pass,
                Moves("tool use at T=1 rises", summary.ToolUse, rises: true),
                Moves("fewer tool-using subgroups are all wrong at T=1", summary.AllWrongT1, rises: false),
                Moves("resampling leaves fewer all-wrong subgroups in training than it found", summary.AllWrongTool, rises: false),
            ];
    }

    /// <summary>Shows them, one a line.</summary>
    public static void Write(IAnsiConsole console, IReadOnlyList<QuickstartClaim> claims)
    {
        foreach (var claim in claims)
        {
            console.MarkupLineInterpolated($"{(claim.Holds ? "repeated" : "NOT repeated")}: {claim.Text} ({claim.Figure})");
        }
    }

    private static QuickstartClaim Moves(string text, BeforeAfter figure, bool rises) => new(
        text,
        $"{Figures.Rate(figure.Before)} before, {Figures.Rate(figure.After)} after",
        rises ? figure.After > figure.Before : figure.After < figure.Before);
}
