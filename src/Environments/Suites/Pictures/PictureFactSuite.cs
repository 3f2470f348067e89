using System.Globalization;
using Axpo.Environments.Facts;
using Axpo.Environments.Tools.Images;
using Axpo.Environments.Tools.Search;

namespace Axpo.Environments.Suites.Pictures;

/// <summary>
/// <c>picture-fact</c>: a number is written on the picture, digit by digit from the left; which country has it as its calling code, which element as its atomic number? Each
/// digit is zoomed in on, then the number is looked up; so the horizon is the number of digits and one. Splits are disjoint by country and element too.
/// </summary>
public sealed class PictureFactSuite : DigitSuite
{
    private const string SuiteName = "picture-fact";

    private static readonly string[] _countries = ["Which country has", "What country has", "Name the country that has", "Give the country that has", "Tell me the country that has"];
    private static readonly string[] _prefixes = ["the dialling prefix shown", "the dialling prefix drawn", "the dialling prefix written", "this dialling prefix", "the dialling prefix in the picture"];
    private static readonly string[] _elements = ["Which element has", "What element has", "Name the element that has", "Give the element that has", "Tell me the element that has"];
    private static readonly string[] _numbers = ["the number shown", "the number drawn", "the number written", "this number", "the number in the picture"];

    /// <summary>Facts by split and number of digits, by relation.</summary>
    private static readonly Dictionary<(Split Split, int Digits), Fact[][]> _facts = FactBase.Numbers
        .GroupBy(f => (f.Split, Number(f).Length))
        .ToDictionary(g => g.Key, g => g.GroupBy(f => f.Relation).OrderBy(r => r.Key, StringComparer.Ordinal).Select(r => r.ToArray()).ToArray());

    /// <summary>Two digits and a search.</summary>
    public PictureFactSuite()
        : this(3, 3)
    {
    }

    /// <summary>A range of calls: zooms, and one search.</summary>
    /// <exception cref="ArgumentException">Not 3 to 4, or the wrong way round.</exception>
    public PictureFactSuite(int horizonMin, int horizonMax)
        : base(SuiteName, "one zoom a digit and a search", (3, 4), horizonMin, horizonMax)
    {
    }

    /// <inheritdoc/>
    public override string Category => "search";

    /// <inheritdoc/>
    public override IReadOnlyList<string> Tools { get; } = [ZoomTool.Name, WebSearchTool.Name];

    /// <inheritdoc/>
    public override ITaskSuite WithHorizon(int min, int max) => new PictureFactSuite(min, max);

    internal override Scene Build(Drawing drawing)
    {
        var chance = drawing.Key(Name).Stream();
        var (count, side) = (drawing.Horizon - 1, chance.Next(512, 1024));
        var number = Number(Fact(drawing));
        var scene = Scene.Empty(chance, side, side);
        var size = Share(chance, side, .18, .26);
        for (var i = 0; i < count; i++)
        {
            var (from, end) = (side * i / count, side * (i + 1) / count);
            scene.Digits.Add(Place(chance, drawing.Split, number[i] - '0', Scene.Somewhere(chance, new ZoomBox(from, 0, end - from, side), size)));
        }

        scene.Distract(chance, Share(chance, side, .2, .3));
        return scene;
    }

    internal override Asked Ask(Scene scene, Drawing drawing)
    {
        var fact = Fact(drawing);
        return fact.Relation == "element"
            ? new Asked(_elements, _numbers, "", fact.Answer, "exact", [])
            : new Asked(_countries, _prefixes, "", fact.Answer, "exact", []);
    }

    internal override IReadOnlyList<TeacherStep> LookUps(Question question, Drawing drawing) => Searches.Steps(question, [Fact(drawing).Title], begun: true);

    private static Fact Fact(Drawing drawing)
    {
        var chance = drawing.Key(SuiteName).With("fact").Stream();
        return chance.Pick(chance.Pick(_facts[(drawing.Split, drawing.Horizon - 1)]));
    }

    private static string Number(Fact fact) => fact.Title[(fact.Title.LastIndexOf(' ') + 1)..];
}
