using System.Text;
using Axpo.Grains.Abstractions;
using Axpo.Silo.Runs;
using Axpo.Silo.Storage;
using Axpo.Training.Chat;

namespace Axpo.Silo.Reports;

/// <summary>The questions of a phase and step of the run, for example <see cref="IRunServices.QuestionsAsync"/>.</summary>
public delegate ValueTask<IReadOnlyList<Question>> QuestionSource(Phase phase, int step, CancellationToken cancellationToken);

/// <summary>Reads what a run wrote and makes its page; a run that is still under way may be read too.</summary>
public static class RunReport
{
    private const int TableRows = 40;
    private const int SearchedSteps = 8;

    /// <summary>Writes the page without the questions' ground truth; see the other overload.</summary>
    public static Task<string> WriteAsync(RunFolders folders, string run, string? output, CancellationToken cancellationToken) =>
        WriteAsync(folders, run, output, null, cancellationToken);

    /// <summary>Writes the page of a run: one file without any other, whole or not at all.</summary>
    /// <param name="folders">Where the runs are.</param>
    /// <param name="run">Name of the run.</param>
    /// <param name="output">File to write; null: <c>report.html</c> in the run's folder.</param>
    /// <param name="questions">Questions with their ground truth; null: texts come from the prompts, and the truth is not shown.</param>
    /// <param name="cancellationToken">Stops before the file is there.</param>
    /// <returns>Path of the file.</returns>
    /// <exception cref="KeyNotFoundException">There is no run of that name.</exception>
    /// <exception cref="ArgumentException">The name is none for a run, or the output is a folder.</exception>
    public static async Task<string> WriteAsync(RunFolders folders, string run, string? output, QuestionSource? questions, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(folders);
        var path = output ?? folders.Report(run);
        if (Directory.Exists(path))
        {
            throw new ArgumentException($"output: '{path}' is a folder; name a file, for example {Path.Combine(path, "report.html")}", nameof(output));
        }

        var page = ReportPage.Render(await ReadAsync(folders, run, questions, cancellationToken));
        await AtomicFile.WriteAsync(path, Encoding.UTF8.GetBytes(page), cancellationToken);
        return path;
    }

    /// <summary>Reads what stands on the page of a run.</summary>
    /// <exception cref="KeyNotFoundException">There is no run of that name.</exception>
    public static async Task<ReportInput> ReadAsync(RunFolders folders, string run, QuestionSource? questions, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(folders);
        var manifest = await new RunManifests(folders).ReadAsync(run, cancellationToken);
        var log = new FileRunLog(folders);
        var rows = await log.ReadAsync(run, cancellationToken);
        DropRecord[] drops = [.. (await log.ReadDropsAsync(run, cancellationToken)).Where(d => d.IsLast)];
        var notes = new List<string>();
        var chat = Chat(manifest.Configuration.Model, notes);
        await using var store = new FileTrajectoryStore(folders, readOnly: true);
        var groups = new List<ReportGroup>();
        var table = 0;
        foreach (var (phase, step) in Steps(manifest.Kind, rows).Take(SearchedSteps))
        {
            var rollouts = new List<Rollout>();
            await foreach (var rollout in store.ListAsync(run, phase, step, cancellationToken))
            {
                rollouts.Add(rollout);
            }

            var asked = questions is null ? [] : await questions(phase, step, cancellationToken);
            groups.AddRange(ReportGroups.Of(rollouts, drops, asked, chat, manifest.Configuration));
            table = table == 0 || groups.Count <= TableRows ? Math.Min(groups.Count, TableRows) : table;
        }

        var samples = ReportGroups.Choose(groups);
        return new ReportInput
        {
            Manifest = manifest,
            Rows = rows,
            Drops = drops,
            Groups = [.. groups.Take(table)],
            Samples = samples,
            Pictures = await new ReportPictures(new FileImageStore(folders)).MakeAsync(samples, notes, cancellationToken),
            Notes = notes,
        };
    }

    /// <summary>Phases and steps whose groups are worth showing, the newest first; only committed ones have a row.</summary>
    private static IEnumerable<(Phase Phase, int Step)> Steps(RunKind kind, IReadOnlyList<MetricsRow> rows) => kind switch
    {
        RunKind.Rollout => [(Phase.Rollout, 0)],
        RunKind.Train when rows.Any(r => r.Step > 0) => rows.Reverse().Where(r => r.Step > 0).Select(r => (Phase.Train, r.Step)),
        _ => rows.Any(r => r.Eval is not null) ? [(Phase.Eval, 0)] : [(Phase.EvalT1, 0)],
    };

    private static IChatFormat? Chat(string model, List<string> notes)
    {
        try
        {
            return ChatFormats.FromFolder(model);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or NotSupportedException or KeyNotFoundException)
        {
            notes.Add("Trajectories have no text: the chat format of the run's model could not be read. Run the report where the model folder is.");
            return null;
        }
    }
}
