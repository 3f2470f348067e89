using Axpo.Environments.Questions;

namespace Axpo.Silo.Runs;

/// <summary>Makes the questions of a run: suites that are registered, set up by the run's options, or a file of questions.</summary>
public sealed class SuiteCatalog(IEnumerable<ITaskSuite> suites, IEnumerable<ITool> tools, IEnumerable<IVerifier> verifiers)
{
    private readonly ITaskSuite[] _suites = [.. suites.OrderBy(s => s.Name, StringComparer.Ordinal)];
    private readonly ITool[] _tools = [.. tools.OrderBy(t => t.Spec.Name, StringComparer.Ordinal)];

    /// <summary>Names of the suites, in order.</summary>
    public IReadOnlyList<string> Names => [.. _suites.Select(s => s.Name)];

    /// <summary>A suite by name.</summary>
    /// <exception cref="KeyNotFoundException">There is none.</exception>
    public ITaskSuite this[string name] => _suites.FirstOrDefault(s => s.Name == name)
        ?? throw new KeyNotFoundException($"tasks.suites: there is no suite '{name}'; the registered ones are {string.Join(", ", Names)}");

    /// <summary>The mixture of suites that a run asks for.</summary>
    /// <exception cref="KeyNotFoundException">A suite does not exist.</exception>
    /// <exception cref="ArgumentException">No suite has a share, or the horizon does not fit one.</exception>
    public QuestionMix Mix(TaskOptions options) => new(options.Suites.Select(s => (Horizon(this[s.Key], options), s.Value)));

    /// <summary>
    /// What a run asks: a file of questions if it names one, else a mixture of suites. The questions of a file offer the tools of the suite that they name if it is registered, else every registered tool that is not held out (without images those that need none).
    /// Evaluation offers the held-out ones that the run names besides.
    /// </summary>
    /// <exception cref="QuestionFileException">The file is refused.</exception>
    /// <exception cref="KeyNotFoundException">A suite does not exist.</exception>
    /// <exception cref="ArgumentException">No suite has a share, or the horizon does not fit one.</exception>
    public async Task<IQuestionSource> OpenAsync(RunConfiguration configuration, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var source = await OpenAsync(configuration.Tasks, cancellationToken);
        if (source is QuestionMix mix && configuration.Curriculum.StepsPerCall > 0)
        {
            source = new GrowingChains(mix, configuration.Curriculum);
        }

        return configuration.Evaluation.ToolNames() is { Count: > 0 } more ? new EvaluationTools(source, more, _tools.Where(t => t.NeedsImages).Select(t => t.Spec.Name).ToHashSet(StringComparer.Ordinal)) : source;
    }

    private async Task<IQuestionSource> OpenAsync(TaskOptions options, CancellationToken cancellationToken)
    {
        if (options.Questions is not { } path)
        {
            return Mix(options);
        }

        var questions = await QuestionFile.ReadAsync(path, [.. verifiers.Select(v => v.Name)], cancellationToken);
        return new QuestionFileSource(questions, question => _suites.FirstOrDefault(s => s.Name == question.Suite)?.Tools
            ?? [.. _tools.Where(t => !t.IsHeldOut).Where(t => !t.NeedsImages || question.Images.Length > 0).Select(t => t.Spec.Name)]);
    }

    /// <summary>A suite with the chains that a run asks for; an end that it leaves open is the suite's own, or the other one where that is beyond it.</summary>
    private static ITaskSuite Horizon(ITaskSuite suite, TaskOptions options) => suite is IHorizonSuite chains && (options.HorizonMin > 0 || options.HorizonMax > 0)
        ? chains.WithHorizon(
            options.HorizonMin > 0 ? options.HorizonMin : Math.Min(chains.HorizonMin, options.HorizonMax),
            options.HorizonMax > 0 ? options.HorizonMax : Math.Max(chains.HorizonMax, options.HorizonMin))
        : suite;
}
