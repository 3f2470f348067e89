namespace Axpo.Environments.Suites;

/// <summary>Draws without repeating a text, as long as a source of texts is rich enough.</summary>
internal static class Draws
{
    private const int Patience = 50;

    /// <summary>
    /// Calls a generator with one keyed stream until <paramref name="count"/> different questions came; repeats are taken once the generator gave nothing new
    /// <see cref="Patience"/> times in a row. The first n of a longer draw are a draw of n.
    /// </summary>
    public static IReadOnlyList<Question> Distinct(ChanceKey key, int count, Func<ChanceStream, Question> next)
    {
        var chance = key.Stream();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var questions = new List<Question>(count);
        var repeats = 0;
        while (questions.Count < count)
        {
            var question = next(chance);
            if (seen.Add(question.Text) || ++repeats > Patience)
            {
                questions.Add(question);
                repeats = 0;
            }
        }

        return questions;
    }
}
