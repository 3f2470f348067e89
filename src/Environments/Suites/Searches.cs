using System.Text.Json;
using Axpo.Environments.Tools.Search;

namespace Axpo.Environments.Suites;

/// <summary>The teacher of the search suites: one query a hop, each answered by the real index.</summary>
internal static class Searches
{
    /// <summary>A question without its opening and its question mark.</summary>
    public static string Subject(string text, IEnumerable<string> openings)
    {
        var opening = openings.First(o => text.StartsWith(o, StringComparison.Ordinal));
        return text[(opening.Length + 1)..].TrimEnd('?');
    }

    /// <summary>Answers queries in order; a query may name the answer before it as <c>{0}</c>.</summary>
    /// <param name="question">What is asked.</param>
    /// <param name="queries">Queries in order.</param>
    /// <param name="match">What the search finds.</param>
    public static TeacherTrace Demonstrate(Question question, IReadOnlyList<string> queries, SearchMatch match) => new(question, Steps(question, queries, begun: false, match), null, question.Answer);

    /// <summary>The steps of <see cref="Demonstrate"/>.</summary>
    /// <param name="question">What is asked; the last result is its answer.</param>
    /// <param name="queries">Queries in order; one may name the answer before it as <c>{0}</c>.</param>
    /// <param name="begun">Whether other calls come before them.</param>
    /// <param name="match">What the search finds.</param>
    /// <exception cref="InvalidOperationException">The searches end at another answer.</exception>
    public static IReadOnlyList<TeacherStep> Steps(Question question, IReadOnlyList<string> queries, bool begun, SearchMatch match = SearchMatch.Any)
    {
        var steps = new List<TeacherStep>();
        var answer = "";
        foreach (var template in queries)
        {
            var query = template.Replace("{0}", answer, StringComparison.Ordinal);
            var results = FactIndex.Shared.Search(query, FactIndex.DefaultResults, match);
            answer = results[0].Text;
            var arguments = $$"""{"query":"{{JsonEncodedText.Encode(query, System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}}"}""";
            steps.Add(new TeacherStep(steps.Count == 0 && !begun ? "use search" : "then search", "web_search", arguments, FactIndex.Format(results)));
        }

        return answer == question.Answer
            ? steps
            : throw new InvalidOperationException($"question '{question.Id}': the teacher's searches end at '{answer}', the answer is '{question.Answer}'");
    }
}
