namespace Axpo.Silo.Runs;

/// <summary>Makes the suites of a run: those registered, set up by the run's options, or a file of questions.</summary>
public sealed class SuiteCatalog(IEnumerable<ITaskSuite> suites)
{
    private readonly ITaskSuite[] _suites = [.. suites.OrderBy(s => s.Name, StringComparer.Ordinal)];

    /// <summary>Names of the suites, in order.</summary>
    public IReadOnlyList<string> Names => [.. _suites.Select(s => s.Name)];

    /// <summary>A suite by name.</summary>
    /// <exception cref="KeyNotFoundException">There is none.</exception>
    public ITaskSuite this[string name] => _suites.FirstOrDefault(s => s.Name == name)
        ?? throw new KeyNotFoundException($"tasks.suites: there is no suite '{name}'; the registered ones are {string.Join(", ", Names)}");

    /// <summary>The mixture that a run asks for.</summary>
    public QuestionMix Mix(TaskOptions options) => new(options.Suites.Select(s => (this[s.Key], s.Value)));
}
