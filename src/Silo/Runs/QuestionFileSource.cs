namespace Axpo.Silo.Runs;

/// <summary>
/// The questions of a file. Training walks through permutations of it, a new one each epoch, and never stops; spare questions of a step come from a walk of their own, which
/// steps over those that the step already asks while the file has others; evaluation and <c>axpo rollout</c> ask the first ones in the
/// order of the file, fewer if it is shorter.
/// </summary>
public sealed class QuestionFileSource : IQuestionSource
{
    private readonly Question[] _questions;

    /// <summary>Creates the source.</summary>
    /// <param name="questions">Questions of the file, in order; at least one.</param>
    /// <param name="tools">Names of the tools that a question offers if it does not say so itself.</param>
    public QuestionFileSource(IReadOnlyList<Question> questions, Func<Question, IReadOnlyList<string>> tools)
    {
        ArgumentOutOfRangeException.ThrowIfZero(questions.Count, nameof(questions));
        _questions = [.. questions.Select(q => q with { Tools = q.Tools ?? [.. tools(q)] })];
        Tools = [.. _questions.SelectMany(q => q.Tools!).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Tools { get; }

    /// <inheritdoc/>
    public IReadOnlyList<Question> Draw(ulong seed, Phase phase, int step, Split split, int count, int spare = 0)
    {
        if (phase is not (Phase.Train or Phase.Resample))
        {
            return [.. _questions.Take(count)];
        }

        var key = ChanceKey.Root(seed).With("questions").With("file");
        int[] asked = [.. Walk(key, Math.Max(0L, step - 1L) * count).Take(count)];
        var others = asked.ToHashSet();
        var more = new List<int>(spare);
        foreach (var question in spare == 0 ? [] : Walk(key.With("spare").With((ulong)step), 0))
        {
            if (more.Count == spare)
            {
                break;
            }

            if (others.Add(question) || others.Count == _questions.Length)
            {
                more.Add(question);
            }
        }

        return [.. asked.Concat(more).Select(q => _questions[q])];
    }

    /// <summary>Indexes of questions from a position on: one permutation after another, without end.</summary>
    private IEnumerable<int> Walk(ChanceKey key, long position)
    {
        while (true)
        {
            var order = key.With((ulong)(position / _questions.Length)).Stream().Permutation(_questions.Length);
            for (var i = (int)(position % _questions.Length); i < order.Length; i++, position++)
            {
                yield return order[i];
            }
        }
    }
}
