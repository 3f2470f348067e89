using Axpo.Environments.Tools.Images;

namespace Axpo.Environments.Suites.Pictures;

/// <summary>
/// <c>compare-digits</c>: which of different digits is the largest? Two: left or right, top or bottom; three or four: counted from the left. Each place is right
/// equally often, so that chance is one in the number of digits. The horizon is that number.
/// </summary>
public sealed class CompareDigitsSuite : DigitSuite
{
    private const string SuiteName = "compare-digits";

    private static readonly string[] _openings = ["Which digit is", "Which number is", "Say which digit is", "Tell me which digit is", "Find which digit is"];
    private static readonly string[] _larger = ["larger", "greater", "bigger", "higher", "the larger"];
    private static readonly string[] _largest = ["largest", "greatest", "biggest", "highest", "the largest"];
    private static readonly string[] _ordinals = ["first", "second", "third", "fourth"];

    /// <summary>Two digits.</summary>
    public CompareDigitsSuite()
        : this(2, 2)
    {
    }

    /// <summary>A range of numbers of digits.</summary>
    /// <exception cref="ArgumentException">Not 2 to 4, or the wrong way round.</exception>
    public CompareDigitsSuite(int horizonMin, int horizonMax)
        : base(SuiteName, "one zoom a digit", (2, 4), horizonMin, horizonMax)
    {
    }

    /// <inheritdoc/>
    public override ITaskSuite WithHorizon(int min, int max) => new CompareDigitsSuite(min, max);

    internal override Scene Build(Drawing drawing)
    {
        var chance = drawing.Key(Name).Stream();
        var (count, side) = (drawing.Horizon, chance.Next(512, 1024));
        var scene = Scene.Empty(chance, side, side);
        var digits = chance.Permutation(10);
        var size = Share(chance, side, .75 * Math.Min(.26, .8 / count), Math.Min(.26, .8 / count));
        var lying = count > 2 || chance.Next(2) == 0;
        for (var i = 0; i < count; i++)
        {
            var (from, end) = (side * i / count, side * (i + 1) / count);
            scene.Digits.Add(Place(chance, drawing.Split, digits[i], Scene.Somewhere(chance, lying ? new ZoomBox(from, 0, end - from, side) : new ZoomBox(0, from, side, end - from), size)));
        }

        scene.Distract(chance, Share(chance, side, .2, .3));
        return scene;
    }

    internal override Asked Ask(Scene scene, Drawing drawing)
    {
        var digits = scene.Digits;
        var largest = digits.FindIndex(d => d.Digit == digits.Max(o => o.Digit));
        string[] places = digits.Count > 2 ? _ordinals[..digits.Count] : IsLying(digits, scene) ? ["left", "right"] : ["top", "bottom"];
        return new Asked(_openings, digits.Count > 2 ? _largest : _larger, $", {string.Join(", ", places[..^1])} or {places[^1]}", places[largest], "choice", places);
    }

    /// <summary>Two lie side by side if each stays in its half of the width, with the first on the left; those above each other only ever do so in height.</summary>
    private static bool IsLying(List<PlacedDigit> digits, Scene scene) =>
        digits[0].Box.X + digits[0].Box.Width <= scene.Width / 2 && digits[1].Box.X >= scene.Width / 2;
}
