namespace Axpo.Environments.Suites;

/// <summary>Draws without repeating a text (with its images), as long as a source of texts is rich enough.</summary>
internal static class Draws
{
    private const int Patience = 2000;

    /// <summary>
    /// Calls a generator with one keyed stream until <paramref name="count"/> different questions came; repeats are taken freely once the generator gave nothing
    /// new <see cref="Patience"/> times in a row: the split is used up. The first n of a longer draw are a draw of n.
    /// </summary>
    public static IReadOnlyList<Question> Distinct(ChanceKey key, int count, Func<ChanceStream, Question> next)
    {
        var chance = key.Stream();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var questions = new List<Question>(count);
        var (repeats, usedUp) = (0, false);
        while (questions.Count < count)
        {
            var question = next(chance);
            if (seen.Add(string.Join('\n', [question.Text, .. question.Images])) || usedUp)
            {
                questions.Add(question);
                repeats = 0;
            }
            else
            {
                usedUp = ++repeats > Patience;
            }
        }

        return questions;
    }
}
