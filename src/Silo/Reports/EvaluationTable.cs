namespace Axpo.Silo.Reports;

/// <summary>Figures of the first and the newest evaluation, both samplings beside each other.</summary>
internal static class EvaluationTable
{
    public static Markup Draw(IReadOnlyList<MetricsRow> rows)
    {
        MetricsRow[] evaluations = [.. rows.Where(r => r.Eval is not null || r.EvalT1 is not null)];
        if (evaluations.Length == 0)
        {
            return Markup.Empty;
        }

        MetricsRow[] shown = evaluations.Length == 1 ? [evaluations[0]] : [evaluations[0], evaluations[^1]];
        (string Head, EvaluationMetrics Figures)[] columns =
        [
            .. shown.Where(r => r.Eval is not null).Select(r => ($"T .7, step {Figures.Count(r.Step)}", r.Eval!)),
            .. shown.Where(r => r.EvalT1 is not null).Select(r => ($"T 1, step {Figures.Count(r.Step)}", r.EvalT1!)),
        ];
        string[] categories = [.. columns.SelectMany(c => c.Figures.Pass1ByCategory.Keys).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        return Markup.Of($"""
            <section id="evaluation"><h2>Held-out evaluation</h2>
            <p class="about">The first and the newest evaluation. Temperature .7 is the paper's sampling (top-p .8, top-k 20); temperature 1 shows minority habits that it hides.</p>
            <div class="scroll"><table class="figures">
            <thead><tr><th scope="col">Measure</th>{columns.Select(c => Markup.Of($"""<th scope="col">{c.Head}</th>"""))}</tr></thead>
            <tbody>
            {Row("Questions × samples", e => $"{Figures.Count(e.Questions)} × {Figures.Count(e.Samples)}")}
            {Row("Pass@1", e => Figures.Share(e.Pass1))}
            {(categories.Length > 1 ? categories.Select(c => Row($"Pass@1, {c}", e => Figures.Share(e.Pass1ByCategory.TryGetValue(c, out var v) ? v : null))) : [])}
            {(categories.Length > 1 ? categories.Select(c => Row($"Any sample correct, {c}", e => Figures.Share(e.PassKByCategory.TryGetValue(c, out var v) ? v : null))) : [])}
            {Row("Any sample correct", e => Figures.Share(e.PassK))}
            {Row("Tool use", e => Figures.Share(e.ToolUse))}
            {Row("Accuracy with a call", e => Figures.Share(e.AccuracyTool))}
            {Row("Accuracy without", e => Figures.Share(e.AccuracyNoTool))}
            {Row("All-wrong tool subgroups", e => Figures.Share(e.AllWrongTool))}
            {Row("All-wrong no-tool subgroups", e => Figures.Share(e.AllWrongNoTool))}
            {Row("Void", e => Figures.Share(e.VoidShare))}
            </tbody></table></div></section>

            """);

        Markup Row(string name, Func<EvaluationMetrics, string> figure) =>
            Markup.Of($"""<tr><th scope="row">{name}</th>{columns.Select(c => Markup.Of($"<td>{figure(c.Figures)}</td>"))}</tr>""");
    }
}
