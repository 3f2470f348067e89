using System.Diagnostics;

namespace Axpo.Silo.Sft;

/// <summary>Traces of several suites in given shares.</summary>
/// <param name="parts">Suites that teach, each with its share in hundredths (100 in all) and the share of its traces that call a tool.</param>
internal sealed class SuiteMixture(params (ITaskSuite Suite, int Share, double Calls)[] parts)
{
    private readonly (ITaskSuite Suite, int Share, double Calls)[] _parts = parts.Sum(p => p.Share) == 100
        ? parts
        : throw new ArgumentException($"shares of a mixture add up to 100, not to {parts.Sum(p => p.Share)}", nameof(parts));

    /// <summary>A trace; a pure function of its arguments.</summary>
    public TeacherTrace Draw(Split split, ChanceKey key)
    {
        var (at, share) = (key.With("suite").Uniform(0, 0), 0);
        foreach (var part in _parts)
        {
            share += part.Share;
            if (at < share / 100.0)
            {
                return Trace(part.Suite, split, part.Calls, key);
            }
        }

        throw new UnreachableException("chance is below 1");
    }

    /// <summary>A trace of one suite; its question offers the suite's tools.</summary>
    public static TeacherTrace Trace(ITaskSuite suite, Split split, double calls, ChanceKey key)
    {
        var question = suite.Draw(split, key.With("question"), 1)[0] with { Tools = [.. suite.Tools] };
        return ((ITeacher)suite).Demonstrate(question, key.With("call").Uniform(0, 0) < calls, key.With("wording"));
    }
}
