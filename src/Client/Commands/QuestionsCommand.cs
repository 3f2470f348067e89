using System.CommandLine;
using System.Globalization;
using Axpo.Environments.Questions;
using Axpo.Silo.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Spectre.Console;

namespace Axpo.Client.Commands;

/// <summary><c>axpo questions check</c>: reads a file of questions as a run would, and lists everything that is wrong with it.</summary>
internal static class QuestionsCommand
{
    // A file of another format has a fault on every line; nobody reads more than this.
    private const int MostProblems = 10_000;

    public static Command Create(CommandContext context) => new("questions", "Files of questions (docs/questions.md).") { Check(context) };

    private static Command Check(CommandContext context)
    {
        var file = new Argument<string>("FILE") { Description = "The file of questions; its images lie in its folder." };
        return new Command("check", "Reads a file of questions as a run would, and lists every bad line with its reason.") { file }.Does(async (parsed, cancellationToken) =>
        {
            var path = parsed.GetRequiredValue(file);
            await using var services = new ServiceCollection().AddAxpoTools(new ToolsOptions()).BuildServiceProvider();
            string[] verifiers = [.. services.GetServices<IVerifier>().Select(v => v.Name)];
            try
            {
                Show(context, path, await QuestionFile.ReadAsync(path, verifiers, MostProblems, cancellationToken));
                return ExitCode.Done;
            }
            catch (QuestionFileException e) when (context.Json)
            {
                context.WriteJson(new { file = path, good = false, problems = e.Problems });
                return ExitCode.BadInput;
            }
            catch (QuestionFileException e)
            {
                throw new PreflightException([.. e.Problems.Select(p => new Problem(path, "", p.ToString()))]);
            }
        });
    }

    private static void Show(CommandContext context, string path, IReadOnlyList<Question> questions)
    {
        var rows = questions.GroupBy(q => (q.Category, q.Suite, q.Verifier)).OrderBy(g => g.Key)
            .Select(g => new { g.Key.Category, g.Key.Suite, g.Key.Verifier, Questions = g.Count(), WithImages = g.Count(q => q.Images.Length > 0), MostHops = g.Max(q => q.Horizon) }).ToArray();
        if (context.Json)
        {
            context.WriteJson(new { file = path, good = true, questions = questions.Count, rows });
            return;
        }

        var table = new Table().Border(TableBorder.Rounded).AddColumns("category", "suite", "verifier", "questions", "with images", "most hops");
        foreach (var row in rows)
        {
            table.AddRow([.. new[] { row.Category, row.Suite, row.Verifier, Number(row.Questions), Number(row.WithImages), Number(row.MostHops) }.Select(Markup.Escape)]);
        }

        context.Console.Write(table);
        context.Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{path}: {questions.Count} questions, all good"));
    }

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}
