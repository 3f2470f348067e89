namespace Axpo.Silo.Runs;

/// <summary>Questions that offer more tools in evaluation than in training.</summary>
/// <param name="questions">The questions.</param>
/// <param name="more">Names of the tools that evaluation offers besides.</param>
/// <param name="needImages">Names of the tools that only a question with images offers.</param>
internal sealed class EvaluationTools(IQuestionSource questions, IReadOnlyList<string> more, IReadOnlySet<string> needImages) : IQuestionSource
{
    /// <inheritdoc/>
    public IReadOnlyList<string> Tools { get; } = [.. questions.Tools.Union(more, StringComparer.Ordinal).Order(StringComparer.Ordinal)];

    /// <inheritdoc/>
    public IReadOnlyList<Question> Draw(ulong seed, Phase phase, int step, Split split, int count, int spare = 0)
    {
        var drawn = questions.Draw(seed, phase, step, split, count, spare);
        return phase is Phase.Eval or Phase.EvalT1
            ? [.. drawn.Select(q => q with { Tools = [.. (q.Tools ?? []).Union(more.Where(t => !needImages.Contains(t) || q.Images.Length > 0), StringComparer.Ordinal)] })]
            : drawn;
    }
}
