using System.Collections.Immutable;
using System.Globalization;

namespace Axpo.Core;

/// <summary>
/// The key of an episode grain, which is also the id of its rollout: <c>{run}/{phase}/{step}/{question}/{rollout}</c>, then
/// <c>/b{boundary}r{k}</c>, or <c>/t{turn}r{k}</c>, for every branch. The group's key is the part up to the question.
/// </summary>
[GenerateSerializer, Immutable, Alias("axpo.EpisodeId")]
public sealed record EpisodeId(
    [property: Id(0)] string Run,
    [property: Id(1)] Phase Phase,
    [property: Id(2)] int Step,
    [property: Id(3)] int Question,
    [property: Id(4)] int Rollout,
    [property: Id(5)] BranchPath Path = default)
{
    /// <summary>Key of the group this episode belongs to.</summary>
    public string GroupKey => GroupId(Run, Phase, Step, Question);

    /// <summary>Key of a group grain.</summary>
    public static string GroupId(string run, Phase phase, int step, int question) =>
        string.Create(CultureInfo.InvariantCulture, $"{run}/{Name(phase)}/{step}/{question}");

    /// <summary>A phase as it is written in keys: <c>train</c>, <c>eval</c>, <c>eval-t1</c>, <c>rollout</c>, <c>resample</c>.</summary>
    public static string Name(Phase phase) => phase switch
    {
        Phase.Train => "train",
        Phase.Eval => "eval",
        Phase.EvalT1 => "eval-t1",
        Phase.Rollout => "rollout",
        Phase.Resample => "resample",
        _ => throw new ArgumentOutOfRangeException(nameof(phase), phase, "unknown phase"),
    };

    /// <summary>Reads a phase's name.</summary>
    /// <exception cref="FormatException">The name is unknown.</exception>
    public static Phase ParsePhase(string name) => name switch
    {
        "train" => Phase.Train,
        "eval" => Phase.Eval,
        "eval-t1" => Phase.EvalT1,
        "rollout" => Phase.Rollout,
        "resample" => Phase.Resample,
        _ => throw new FormatException($"unknown phase '{name}'; one of train, eval, eval-t1, rollout, resample"),
    };

    /// <summary>The id of the parent of a continuation; itself for an original rollout.</summary>
    public EpisodeId Original => Path.IsEmpty ? this : this with { Path = BranchPath.Empty };

    /// <summary>The episode one branch up; null for an original rollout.</summary>
    public EpisodeId? Parent => Path.IsEmpty ? null : this with { Path = new BranchPath(Path.Branches.RemoveAt(Path.Branches.Length - 1)) };

    /// <summary>The id of a continuation of this episode from one of its calls, or from before its answer.</summary>
    public EpisodeId Fork(int boundary, int k) => Fork(new Branch(boundary, k));

    /// <summary>The id of a continuation of this episode.</summary>
    public EpisodeId Fork(Branch branch) => this with { Path = Path.Then(branch) };

    /// <summary>
    /// The key of chance of this episode's tokens. A continuation is keyed as <see cref="Phase.Resample"/> in place of its original's phase.
    /// </summary>
    public ChanceKey Chance(ulong runSeed) => ChanceKey.ForSequence(runSeed, Path.IsEmpty ? Phase : Phase.Resample, Step, Question, Rollout, Path);

    /// <summary>
    /// A key for draws about this episode that are not about its tokens: step, question, rollout and path folded into one that says what they are about.
    /// </summary>
    public ChanceKey FoldInto(ChanceKey purpose) => purpose.With((ulong)Step).With((ulong)Question).With((ulong)Rollout).With(Path.ToString());

    /// <summary>Reads an id as <see cref="ToString"/> writes it.</summary>
    /// <exception cref="FormatException">The text is no episode id.</exception>
    public static EpisodeId Parse(string text)
    {
        var parts = text.Split('/');
        if (parts.Length < 5 || parts[0].Length == 0)
        {
            throw Bad();
        }

        var branches = ImmutableArray.CreateBuilder<Branch>();
        foreach (var part in parts.AsSpan(5))
        {
            var r = part.IndexOf('r', StringComparison.Ordinal);
            if (r < 2 || part[0] is not ('b' or 't'))
            {
                throw Bad();
            }

            branches.Add(new Branch(Number(part[1..r]), Number(part[(r + 1)..]), part[0] == 't' ? BranchPoint.Turn : BranchPoint.Call));
        }

        return new EpisodeId(parts[0], ParsePhase(parts[1]), Number(parts[2]), Number(parts[3]), Number(parts[4]), new BranchPath(branches.ToImmutable()));

        int Number(string s) => int.TryParse(s, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : throw Bad();
        FormatException Bad() => new($"'{text}' is no episode id; it should look like RUN/train/STEP/QUESTION/ROLLOUT[/bBOUNDARYrK or /tTURNrK]");
    }

    /// <inheritdoc/>
    public override string ToString()
    {
        var head = string.Create(CultureInfo.InvariantCulture, $"{GroupKey}/{Rollout}");
        return Path.IsEmpty ? head : head + "/" + Path;
    }
}
