using System.Globalization;
using Axpo.Environments.Digits;
using Axpo.Environments.Tools.Images;

namespace Axpo.Environments.Suites.Pictures;

/// <summary>
/// Real handwritten digits on canvases that a policy sees only downscaled: it zooms in before it reads. Splits are disjoint by the digits' images and by question
/// text: every word trains, some of its combinations do not. Pictures are drawn when they are needed.
/// </summary>
public abstract class DigitSuite : IHorizonSuite, IImageSuite, ITeacher
{
    private readonly (int Least, int Most) _range;

    private protected DigitSuite(string name, string chains, (int Least, int Most) range, int horizonMin, int horizonMax)
    {
        if (horizonMin < range.Least || horizonMax > range.Most || horizonMin > horizonMax)
        {
            throw new ArgumentException(
                $"tasks.horizonMin {horizonMin}, tasks.horizonMax {horizonMax}: {name} has {chains}, {range.Least} to {range.Most}; give horizonMin <= horizonMax in that range",
                nameof(horizonMin));
        }

        (Name, _range, HorizonMin, HorizonMax) = (name, range, horizonMin, horizonMax);
    }

    /// <inheritdoc/>
    public int HorizonMin { get; }

    /// <inheritdoc/>
    public int HorizonMax { get; }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public virtual string Category => "perception";

    /// <inheritdoc/>
    public virtual IReadOnlyList<string> Tools { get; } = [ZoomTool.Name];

    string ITeacher.Suite => Name;

    private string Prefix => $"suite:{Name}/";

    /// <inheritdoc/>
    public abstract ITaskSuite WithHorizon(int min, int max);

    /// <inheritdoc/>
    public IReadOnlyList<Question> Draw(Split split, ChanceKey key, int count) => Draws.Distinct(key, count, chance =>
    {
        var drawing = new Drawing(split, chance.Next(HorizonMin, HorizonMax), ((ulong)(uint)chance.Next(int.MaxValue) << 32) | (uint)chance.Next(int.MaxValue));
        var scene = Build(drawing);
        var asked = Ask(scene, drawing);
        return new Question
        {
            Id = $"{Name}:{drawing}",
            Suite = Name,
            Category = Category,
            Text = Wording(chance, split, asked) + "?",
            Answer = asked.Answer,
            Verifier = asked.Verifier,
            Choices = asked.Choices,
            Images = [Prefix + drawing],
            Horizon = drawing.Horizon,
            MetadataJson = scene.Metadata(),
        };
    });

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> Render(string drawing) => Build(Read(drawing)).Render().Png();

    /// <summary>Of several digits the teacher says what it read, <c>8 4</c>, before it does anything with them: a small policy reads well and calculates badly, but not both in one token.</summary>
    /// <inheritdoc/>
    public TeacherTrace Demonstrate(Question question, bool useTool, ChanceKey key)
    {
        ArgumentNullException.ThrowIfNull(question);
        if (question.Images is not [var image] || !image.StartsWith(Prefix, StringComparison.Ordinal))
        {
            throw new ArgumentException($"question '{question.Id}': its one image should be a drawing of {Name}", nameof(question));
        }

        var drawing = Read(image[Prefix.Length..]);
        var scene = Build(drawing);
        var answer = Ask(scene, drawing).Answer;
        if (answer != question.Answer)
        {
            throw new InvalidOperationException($"question '{question.Id}': the picture says '{answer}', the answer is '{question.Answer}'");
        }

        if (!useTool)
        {
            return new TeacherTrace(question, [], "I see it", answer);
        }

        var read = scene.Digits.Count < 2 ? null : string.Join(' ', scene.Digits.Select(d => d.Digit.ToString(CultureInfo.InvariantCulture)));
        var lookUps = LookUps(question, drawing).Select((s, i) => i == 0 && read is not null ? s with { Think = $"{read} {s.Think}" } : s).ToArray();
        return new TeacherTrace(question, [.. Zooms.Of(scene.Render(), Targets(scene), key), .. lookUps], lookUps.Length == 0 ? read : null, answer);
    }

    /// <summary>What stands on a drawing: a pure function of its name.</summary>
    internal abstract Scene Build(Drawing drawing);

    /// <summary>What is asked of it.</summary>
    internal abstract Asked Ask(Scene scene, Drawing drawing);

    /// <summary>What the teacher zooms in on: each digit.</summary>
    internal virtual IReadOnlyList<ZoomTarget> Targets(Scene scene) => [.. scene.Digits.Select(d => new ZoomTarget(0, d.Box, d.InkBox))];

    /// <summary>What the teacher looks up when it has read the digits: nothing.</summary>
    internal virtual IReadOnlyList<TeacherStep> LookUps(Question question, Drawing drawing) => [];

    /// <summary>A digit of a split.</summary>
    internal static PlacedDigit Place(ChanceStream chance, Split split, int digit, ZoomBox box) => new(digit, HandwrittenDigits.Draw(chance, split, digit), box);

    /// <summary>A share of a length, between two shares.</summary>
    internal static int Share(ChanceStream chance, int length, double least, double most) => (int)(length * (least + ((most - least) * chance.NextDouble())));

    private Drawing Read(string name)
    {
        var drawing = Drawing.Parse(Name, name);
        return drawing.Horizon >= _range.Least && drawing.Horizon <= _range.Most
            ? drawing
            : throw new InvalidDataException($"suite '{Name}' has no drawing '{name}': its horizon should be {_range.Least} to {_range.Most}");
    }

    /// <summary>Of the five times five combinations three fifths train, a fifth validates, a fifth tests; every opening and every ending trains.</summary>
    private static string Wording(ChanceStream chance, Split split, Asked asked)
    {
        var (opening, turn) = (chance.Next(5), split switch { Split.Test => 0, Split.Validation => 1, _ => chance.Next(2, 4) });
        return $"{asked.Openings[opening]} {asked.Endings[(opening + turn) % 5]}{asked.Rest}";
    }

    /// <summary>A question about a drawing.</summary>
    /// <param name="Openings">Five beginnings.</param>
    /// <param name="Endings">Five things that may follow each.</param>
    /// <param name="Rest">What stands behind both.</param>
    /// <param name="Answer">Ground truth.</param>
    /// <param name="Verifier">Name of the verifier.</param>
    /// <param name="Choices">The admitted answers of a choice.</param>
    internal sealed record Asked(string[] Openings, string[] Endings, string Rest, string Answer, string Verifier, string[] Choices);
}
