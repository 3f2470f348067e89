namespace Axpo.Silo.Runs;

/// <summary>
/// The questions of a file. Training walks through permutations of it, a new one each epoch, and never stops; evaluation and <c>axpo rollout</c> ask the first ones in the
/// order of the file, fewer if it is shorter.
/// </summary>
public sealed class QuestionFileSource : IQuestionSource
{
    private readonly Question[] _questions;

    /// <summary>Creates the source.</summary>
    /// <param name="questions">Questions of the file, in order; at least one.</param>
    /// <param name="tools">Names of the tools that a question of a suite offers.</param>
    public QuestionFileSource(IReadOnlyList<Question> questions, Func<string, IReadOnlyList<string>> tools)
    {
        ArgumentOutOfRangeException.ThrowIfZero(questions.Count, nameof(questions));
        _questions = [.. questions.Select(q => q with { Tools = q.Tools ?? [.. tools(q.Suite)] })];
        Tools = [.. _questions.SelectMany(q => q.Tools!).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Tools { get; }

    /// <inheritdoc/>
    public IReadOnlyList<Question> Draw(ulong seed, Phase phase, int step, Split split, int count)
    {
        if (phase is not (Phase.Train or Phase.Resample))
        {
            return [.. _questions.Take(count)];
        }

        var key = ChanceKey.Root(seed).With("questions").With("file");
        var drawn = new Question[count];
        var (epoch, order) = (-1L, Array.Empty<int>());
        for (var i = 0; i < count; i++)
        {
            var position = (Math.Max(0L, step - 1L) * count) + i;
            if (position / _questions.Length != epoch)
            {
                epoch = position / _questions.Length;
                order = key.With((ulong)epoch).Stream().Permutation(_questions.Length);
            }

            drawn[i] = _questions[order[position % _questions.Length]];
        }

        return drawn;
    }
}
