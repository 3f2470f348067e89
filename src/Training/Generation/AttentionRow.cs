namespace Axpo.Training.Generation;

/// <summary>A token that attends.</summary>
/// <param name="Pages">Pages of its session.</param>
/// <param name="Length">Tokens attended to, from the first on: its position + 1.</param>
internal readonly record struct AttentionRow(List<KvPage> Pages, int Length);
