namespace Axpo.Silo.Runs;

/// <summary>
/// Draws the questions of a phase and step from a mixture of suites: a pure function of seed, phase, step and count. Each suite gets its share by
/// largest remainder; training walks on from step to step, evaluation asks the same questions every time, and a shorter evaluation asks the first of a longer one.
/// </summary>
public sealed class QuestionMix : IQuestionSource
{
    private readonly (ITaskSuite Suite, double Share)[] _parts;

    /// <summary>Creates a mixture.</summary>
    /// <exception cref="ArgumentException">No suite has a positive share.</exception>
    public QuestionMix(IEnumerable<(ITaskSuite Suite, double Share)> parts)
    {
        _parts = [.. parts.Where(p => p.Share > 0).OrderBy(p => p.Suite.Name, StringComparer.Ordinal)];
        if (_parts.Length == 0)
        {
            throw new ArgumentException("tasks.suites: no suite has a share above 0; give at least one, for example mental-arithmetic=1", nameof(parts));
        }
    }

    /// <summary>The suites, in the order of their names.</summary>
    public IReadOnlyList<ITaskSuite> Suites => [.. _parts.Select(p => p.Suite)];

    /// <summary>The same shares of other suites.</summary>
    /// <param name="change">What becomes of a suite.</param>
    public QuestionMix With(Func<ITaskSuite, ITaskSuite> change) => new(_parts.Select(p => (change(p.Suite), p.Share)));

    /// <inheritdoc/>
    public IReadOnlyList<string> Tools => [.. _parts.SelectMany(p => p.Suite.Tools).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];

    /// <inheritdoc/>
    public IReadOnlyList<Question> Draw(ulong seed, Phase phase, int step, Split split, int count, int spare = 0)
    {
        // Draws nest: a longer one begins with a shorter one.
        count += spare;
        var held = phase is Phase.Eval or Phase.EvalT1;
        var key = ChanceKey.Root(seed).With("questions").With(held ? "held-out" : EpisodeId.Name(phase)).With((ulong)(held ? 0 : step));
        var total = _parts.Sum(p => p.Share);

        // A prefix of the interleaving holds every suite in its share, so that short evaluations nest in long ones.
        var taken = new int[_parts.Length];
        var order = new int[count];
        for (var i = 0; i < count; i++)
        {
            var next = 0;
            for (var p = 1; p < _parts.Length; p++)
            {
                if (Lag(p, i) > Lag(next, i))
                {
                    next = p;
                }
            }

            order[i] = next;
            taken[next]++;
        }

        var draws = _parts.Select((p, i) => p.Suite.Draw(split, key.With(p.Suite.Name), taken[i])).ToArray();
        var at = new int[_parts.Length];
        return [.. order.Select(p => Offer(draws[p][at[p]++], _parts[p].Suite))];

        // A question that names no tools is offered those of its suite.
        static Question Offer(Question question, ITaskSuite suite) => question.Tools is null ? question with { Tools = [.. suite.Tools] } : question;

        double Lag(int part, int i) => (_parts[part].Share / total * (i + 1)) - taken[part];
    }
}
