using System.Globalization;
using Axpo.Environments.Tools.Images;

namespace Axpo.Environments.Suites.Pictures;

/// <summary><c>sum-digits</c>: the sum of the digits on the picture; the horizon is their number, since each needs its zoom.</summary>
public sealed class SumDigitsSuite : DigitSuite
{
    private const string SuiteName = "sum-digits";
    private const int Cells = 4; // A side: digits stand in cells, so that none overlaps another.

    private static readonly string[] _openings = ["What is", "Find", "Tell me", "Give", "Name"];
    private static readonly string[] _endings = ["the sum of the digits", "the total of the digits", "the sum of all digits", "the total of all digits", "the digits added up"];

    /// <summary>Two or three digits.</summary>
    public SumDigitsSuite()
        : this(2, 3)
    {
    }

    /// <summary>A range of numbers of digits.</summary>
    /// <exception cref="ArgumentException">Not 2 to 12, or the wrong way round.</exception>
    public SumDigitsSuite(int horizonMin, int horizonMax)
        : base(SuiteName, "one zoom a digit", (2, 12), horizonMin, horizonMax)
    {
    }

    /// <inheritdoc/>
    public override ITaskSuite WithHorizon(int min, int max) => new SumDigitsSuite(min, max);

    internal override Scene Build(Drawing drawing)
    {
        var chance = drawing.Key(Name).Stream();
        var side = chance.Next(512, 1024);
        var scene = Scene.Empty(chance, side, side);
        foreach (var cell in chance.Permutation(Cells * Cells)[..drawing.Horizon].Order())
        {
            var (x, y) = (side * (cell % Cells) / Cells, side * (cell / Cells) / Cells);
            scene.Digits.Add(Place(chance, drawing.Split, chance.Next(10), Scene.Somewhere(chance, new ZoomBox(x, y, side / Cells, side / Cells), Share(chance, side, .14, .19))));
        }

        scene.Distract(chance, Share(chance, side, .15, .22));
        return scene;
    }

    internal override Asked Ask(Scene scene, Drawing drawing) => new(_openings, _endings, "", scene.Digits.Sum(d => d.Digit).ToString(CultureInfo.InvariantCulture), "numeric", []);
}
