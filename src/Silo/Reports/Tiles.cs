namespace Axpo.Silo.Reports;

/// <summary>The summary at the top of the page; a figure that is not known has no tile.</summary>
internal static class Tiles
{
    public static Markup Draw(ReportInput input, RunSummary summary) => Markup.Of($"""
        <section id="summary" class="tiles">
        {Pass1(summary)}
        {Change($"Held-out Pass@{Samples(input)}", summary.PassK, "any sample correct, temperature .7")}
        {Change("Tool use at temperature 1", summary.ToolUse, "held-out rollouts with a call")}
        {Change("All-wrong tool groups", summary.AllWrongTool, "before and after resampling, mean of the steps")}
        {(summary.Recovery is { } recovery ? Tile("Recovery", Markup.Of($"{Figures.Share(recovery)}"), $"of {Figures.Plural(summary.Prefixes, "resampled prefix", "resampled prefixes")}") : Markup.Empty)}
        {Tile("Episodes", Markup.Of($"{Figures.Count(summary.Episodes)}"), $"with continuations and evaluations; {Figures.Count(input.Drops.Count)} ended void")}
        {(summary.TokensPerSecond is { } rate ? Tile("Throughput", Markup.Of($"""{Figures.Number(rate)} <small>tokens/s</small>"""), $"{Figures.Number(summary.SampledTokens)} tokens sampled in training steps") : Markup.Empty)}
        </section>
        """);

    private static int Samples(ReportInput input) => input.Rows.Select(r => r.Eval?.Samples ?? 0).DefaultIfEmpty(0).Max();

    private static Markup Pass1(RunSummary summary) => summary.Gain is not { } gain
        ? Change("Held-out Pass@1", summary.Pass1, "temperature .7")
        : Tile(
            "Held-out Pass@1",
            Markup.Of($"""{Figures.Share(gain.Before)} <span class="to">→</span> {Figures.Share(gain.After)}"""),
            $"gain {Figures.Points(gain.Mean)} points, 95% interval {Figures.Points(gain.Low)} to {Figures.Points(gain.High)} (paired bootstrap over {Figures.Plural(gain.Questions, "question")} × {gain.Samples})",
            Interval(gain),
            "wide");

    private static Markup Change(string name, BeforeAfter figure, string about) => figure switch
    {
        { Before: null, After: null } => Markup.Empty,
        { After: null } => Tile(name, Markup.Of($"{Figures.Share(figure.Before)}"), about),
        _ => Tile(name, Markup.Of($"""{Figures.Share(figure.Before)} <span class="to">→</span> {Figures.Share(figure.After)}"""), about),
    };

    private static Markup Tile(string name, Markup value, string about, Markup extra = default, string kind = "") => Markup.Of(
        $"""<div class="tile {kind}"><h3>{name}</h3><p class="value">{value}</p>{extra}<p class="about">{about}</p></div>""");

    /// <summary>The interval of the gain as a strip around 0.</summary>
    private static Markup Interval(PassGain gain)
    {
        const double Width = 300;
        var span = Math.Max(1e-9, Math.Max(Math.Abs(gain.Low), Math.Abs(gain.High)) * 1.15);
        var low = Math.Min(0, gain.Low) < 0 ? -span : -span * .12;
        var high = Math.Max(0, gain.High) > 0 ? span : span * .12;
        double X(double value) => (value - low) / (high - low) * Width;
        return Markup.Of($"""
            <svg class="interval" viewBox="0 0 {Width} 18" role="img" aria-label="Gain with its 95% interval"><path class="grid" d="M0 9H{Width}"/><path class="grid zero" d="M{X(0)} 1V17"/><rect class="bar c1" x="{X(gain.Low)}" y="6" width="{X(gain.High) - X(gain.Low)}" height="6" rx="3"/><circle class="spot c1" cx="{X(gain.Mean)}" cy="9" r="5"/></svg>
            """);
    }
}
