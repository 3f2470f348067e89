using System.Globalization;
using System.Runtime.CompilerServices;
using Axpo.Silo.Diagnostics;
using Axpo.Silo.Reports;
using Axpo.Silo.Runs;
using Axpo.Silo.Storage;

namespace Axpo.Silo.Comparisons;

/// <summary>Makes the summary of a finished run from its files.</summary>
public static class CellSummarizer
{
    /// <summary>Reads a run that is done.</summary>
    /// <param name="folders">Where the runs are.</param>
    /// <param name="run">Name of the run.</param>
    /// <param name="cell">The cell that it was run for.</param>
    /// <param name="questions">The run's questions, drawn again.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="KeyNotFoundException">There is no such run.</exception>
    /// <exception cref="InvalidDataException">Its evaluations do not say what each question came to: an older version made it.</exception>
    public static async Task<CellSummary> ReadAsync(RunFolders folders, string run, PlannedCell cell, QuestionSource questions, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(folders);
        ArgumentNullException.ThrowIfNull(questions);
        var manifest = await new RunManifests(folders).ReadAsync(run, cancellationToken);
        var log = new FileRunLog(folders);
        var rows = await log.ReadAsync(run, cancellationToken);
        var drops = await log.ReadDropsAsync(run, cancellationToken);
        (int Step, HeldOutSampling Sampling, EvaluationMetrics Metrics)[] evaluations = [.. rows.SelectMany(Evaluations)];
        if (evaluations.Length == 0 || evaluations.Any(e => e.Metrics.Results.Length != e.Metrics.Questions))
        {
            throw new InvalidDataException($"run '{run}': its evaluations do not say what each question came to; remove {folders.Of(run)} and run it again");
        }

        var processor = MachineDoctor.Processor().Name;
        return new CellSummary
        {
            Name = cell.Name,
            Seed = cell.Seed,
            Hash = cell.Hash,
            ModelSha256 = manifest.ModelSha256,
            QuestionsSha256 = manifest.QuestionsSha256,
            Version = typeof(CellSummarizer).Assembly.GetName().Version!.ToString(3),
            Commit = SourceCommit.OfThisProgram(),
            Machine = new CellMachine(processor, Environment.ProcessorCount),
            Started = Whole(manifest.Created),
            Ended = Whole(new DateTimeOffset(File.GetLastWriteTimeUtc(folders.Metrics(run)))),
            Seconds = Round(rows.Sum(r => r.Timing is { } t ? t.Step + t.Evaluation : 0)),
            VoidEpisodes = drops.Where(d => d.IsLast).GroupBy(d => d.Cause).OrderBy(g => g.Key).ToDictionary(g => g.Key.ToString(), g => g.Count(), StringComparer.Ordinal),
            VoidAttempts = drops.Count,
            Configuration = WithoutPaths(manifest.Configuration),
            Questions = [.. evaluations.MaxBy(e => e.Metrics.Questions).Metrics.Results.Select(r => new HeldOutQuestion(r.Id, r.Suite, r.Category, r.Horizon))],
            Steps = [.. rows.Where(r => r.Train is not null).Select(Step)],
            Evaluations = [.. evaluations.Select(e => Evaluation(e.Step, e.Sampling, e.Metrics))],
            Prefixes = await PrefixSummaries.OfAsync(StepsAsync(folders, run, rows, questions, cancellationToken), manifest.Configuration, cancellationToken),
        };
    }

    private static async IAsyncEnumerable<ResampledStep> StepsAsync(
        RunFolders folders, string run, IEnumerable<MetricsRow> rows, QuestionSource questions, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var store = new FileTrajectoryStore(folders, readOnly: true);
        foreach (var row in rows.Where(r => r.Train is { Prefixes: > 0 }))
        {
            var rollouts = new List<Rollout>();
            await foreach (var rollout in store.ListAsync(run, Phase.Train, row.Step, cancellationToken))
            {
                rollouts.Add(rollout);
            }

            yield return new ResampledStep(row.Step, row.Train!.Prefixes, rollouts, await questions(Phase.Train, row.Step, cancellationToken));
            await store.CloseAsync(run, row.Step);
        }
    }

    private static IEnumerable<(int Step, HeldOutSampling Sampling, EvaluationMetrics Metrics)> Evaluations(MetricsRow row)
    {
        if (row.Eval is { } paper)
        {
            yield return (row.Step, HeldOutSampling.Paper, paper);
        }

        if (row.EvalT1 is { } t1)
        {
            yield return (row.Step, HeldOutSampling.T1, t1);
        }
    }

    private static EvaluationSummary Evaluation(int step, HeldOutSampling sampling, EvaluationMetrics metrics) => new()
    {
        Step = step,
        Sampling = sampling,
        Samples = metrics.Samples,
        Live = [.. metrics.Results.Select(r => r.Samples)],
        Correct = [.. metrics.Results.Select(r => r.Correct)],
        Calls = [.. metrics.Results.Select(r => r.Calls)],
        CorrectCalls = [.. metrics.Results.Select(r => r.CorrectCalls)],
    };

    private static StepSummary Step(MetricsRow row)
    {
        var (train, timing) = (row.Train!, row.Timing ?? new TimingMetrics());
        return new StepSummary
        {
            Step = row.Step,
            RolloutTokens = train.SampledTokens - train.ExtraTokens,
            ContinuationTokens = train.ExtraTokens,
            TrainingSeconds = Round(timing.Step),
            EvaluationSeconds = Round(timing.Evaluation),
            Accuracy = Round(train.Accuracy),
            ToolUse = Round(train.ToolUse),
            AllWrongBefore = Round(train.AllWrongToolBefore),
            AllWrongAfter = Round(train.AllWrongToolAfter),
            AllWrongNoTool = Round(train.AllWrongNoTool),
            Prefixes = train.Prefixes,
            Recovery = Round(train.Recovery),
            RecoveredGroups = train.ExtraTokensPerRecovery is > 0 and var each ? (int)Math.Round(train.ExtraTokens / each) : 0,
            Entropy = Round(train.Entropy),
            Kl = Round(row.Update?.Kl),
            ClipFraction = Round(row.Update?.ClipFraction),
            VoidShare = Round(train.VoidShare),
            ToolFailures = train.ToolFailures,
        };
    }

    private static double Round(double value) => double.IsFinite(value) ? double.Parse(value.ToString("G6", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture) : value;

    private static double? Round(double? value) => value is { } v && double.IsFinite(v) ? Round(v) : null;

    private static DateTimeOffset Whole(DateTimeOffset time) => DateTimeOffset.FromUnixTimeSeconds(time.ToUnixTimeSeconds());

    /// <summary>A summary is for others: where a folder lies on this machine says nothing to them.</summary>
    private static RunConfiguration WithoutPaths(RunConfiguration configuration) => configuration with
    {
        Model = Path.GetFileName(Path.TrimEndingDirectorySeparator(configuration.Model)),
        Tasks = configuration.Tasks with { Questions = Path.GetFileName(configuration.Tasks.Questions) },
    };
}
