using System.CommandLine;
using System.Globalization;
using Axpo.Environments.Questions;
using Axpo.Silo.Hosting;
using Axpo.Silo.Runs;
using Axpo.Training.Files;
using Microsoft.Extensions.DependencyInjection;
using Spectre.Console;

namespace Axpo.Client.Commands;

/// <summary><c>axpo questions check</c>: reads a file of questions as a run would, and lists everything that is wrong with it. <c>axpo questions sample</c>: writes one of a suite.</summary>
internal static class QuestionsCommand
{
    // A file of another format has a fault on every line; nobody reads more than this.
    private const int MostProblems = 10_000;

    private const int MostSamples = 10_000;

    private static readonly string[] _splits = ["train", "validation", "test"];

    public static Command Create(CommandContext context) => new("questions", "Files of questions (docs/questions.md).") { Check(context), Sample(context) };

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

    private static Command Sample(CommandContext context)
    {
        var name = new Argument<string>("SUITE") { Description = "The suite." };
        var output = new Option<string>("--out") { Description = "Folder to write; it must not exist.", HelpName = "FOLDER", Required = true };
        var count = new Option<int>("--count") { Description = $"How many questions, 1 to {MostSamples}.", HelpName = "N", DefaultValueFactory = _ => 20 };
        var split = new Option<string>("--split") { Description = $"Which part: {string.Join(", ", _splits)}.", HelpName = "PART", DefaultValueFactory = _ => _splits[0] };
        var horizon = new Option<int?>("--horizon") { Description = "Calls that each needs in sequence, of a suite that offers several numbers; default: the suite's own.", HelpName = "N" };
        var seed = new Option<ulong>("--seed") { Description = "Seed of the draw.", HelpName = "N", DefaultValueFactory = _ => 1 };
        return new Command("sample", "Writes questions of a suite as a file of questions, with their pictures and what is where on them.") { name, output, count, split, horizon, seed }.Does(async (parsed, cancellationToken) =>
        {
            await using var services = new ServiceCollection().AddAxpoTools(new ToolsOptions()).BuildServiceProvider();
            var (asked, number, part, folder) = (parsed.GetRequiredValue(name), parsed.GetValue(count), parsed.GetRequiredValue(split), parsed.GetRequiredValue(output));
            if (number is < 1 or > MostSamples)
            {
                throw new PreflightException([new Problem("--count", Number(number), $"must be 1 to {MostSamples}")]);
            }

            if (!Array.Exists(_splits, s => s == part))
            {
                throw new PreflightException([new Problem("--split", part, "unknown" + NearestName.Hint(part, _splits))]);
            }

            var suite = Horizon(Suite(services.GetRequiredService<SuiteCatalog>(), asked), parsed.GetValue(horizon));
            var questions = suite.Draw(Enum.GetValues<Split>()[Array.IndexOf(_splits, part)], ChanceKey.Root(parsed.GetValue(seed)).With("sample"), number).DistinctBy(q => q.Id).ToArray();
            using var draft = new FolderDraft(folder);
            await QuestionSample.WriteAsync(draft.Path, questions, services.GetRequiredService<IQuestionImages>(), cancellationToken);
            var file = Path.Combine(draft.Finish(), QuestionSample.FileName);
            if (context.Json)
            {
                context.WriteJson(new { file, suite = asked, questions = questions.Length });
                return ExitCode.Done;
            }

            context.Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{file} is written: {questions.Length} questions of {asked}"));
            return ExitCode.Done;
        });
    }

    private static ITaskSuite Suite(SuiteCatalog suites, string name) => suites.Names.Contains(name, StringComparer.Ordinal)
        ? suites[name]
        : throw new PreflightException([new Problem("SUITE", name, "unknown" + NearestName.Hint(name, suites.Names))]);

    private static ITaskSuite Horizon(ITaskSuite suite, int? horizon)
    {
        if (horizon is not { } hops)
        {
            return suite;
        }

        try
        {
            return suite is IHorizonSuite chains ? chains.WithHorizon(hops, hops) : throw new PreflightException([new Problem("--horizon", Number(hops), $"{suite.Name} has no choice of horizons; leave it out")]);
        }
        catch (ArgumentException e)
        {
            throw new PreflightException([new Problem("--horizon", Number(hops), e.Message)]);
        }
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
