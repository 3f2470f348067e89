using System.Globalization;
using Axpo.Environments.Tools.Images;

namespace Axpo.Environments.Suites.Pictures;

/// <summary>
/// <c>find-digit</c>: which digit is on the picture? Horizon 0: it fills a small one, nothing else is there (how well a policy reads at all). Horizon 1: 512 to 1,024 pixels a side, the digit .18 to .29 of it. Horizon 2: 4,096 pixels a side, the digit in a
/// frame; horizon 3: 8,192 x 4,096, in a frame inside a frame: each is seen only after zooming in on the one before.
/// </summary>
public sealed class FindDigitSuite : DigitSuite
{
    private const string SuiteName = "find-digit";
    private const int Large = 4096;

    private static readonly string[] _openings = ["Which digit is", "What digit is", "Name the digit that is", "Give the digit that is", "Tell me the digit that is"];
    private static readonly string[] _endings = ["shown", "drawn", "written", "here", "in the picture"];

    /// <summary>One zoom.</summary>
    public FindDigitSuite()
        : this(1, 1)
    {
    }

    /// <summary>A range of zooms one inside the other.</summary>
    /// <exception cref="ArgumentException">Not 0 to 3, or the wrong way round.</exception>
    public FindDigitSuite(int horizonMin, int horizonMax)
        : base(SuiteName, "zooms one inside the other", (0, 3), horizonMin, horizonMax)
    {
    }

    /// <inheritdoc/>
    public override ITaskSuite WithHorizon(int min, int max) => new FindDigitSuite(min, max);

    internal override Scene Build(Drawing drawing)
    {
        var chance = drawing.Key(Name).Stream();
        if (drawing.Horizon == 0)
        {
            return Filled(chance, drawing.Split);
        }

        var height = drawing.Horizon == 1 ? chance.Next(512, 1024) : Large;
        var scene = Scene.Empty(chance, drawing.Horizon == 3 ? 2 * height : height, height);
        var room = new ZoomBox(0, 0, scene.Width, scene.Height);
        for (var depth = 1; depth < drawing.Horizon; depth++)
        {
            var mark = Scene.Somewhere(chance, room, depth == 1 ? Share(chance, height, .2, .28) : Share(chance, room.Width, .36, .46));
            scene.Marks.Add(mark);
            room = Scene.Inside(mark);
        }

        var side = scene.Marks.Count == 0 ? Share(chance, height, .18, .29) : Share(chance, room.Width, .36, .5);
        scene.Digits.Add(Place(chance, drawing.Split, chance.Next(10), Scene.Somewhere(chance, room, side)));
        scene.Distract(chance, Share(chance, height, .3, .5));
        return scene;
    }

    internal override Asked Ask(Scene scene, Drawing drawing) => new(_openings, _endings, "", scene.Digits[0].Digit.ToString(CultureInfo.InvariantCulture), "exact", []);

    internal override IReadOnlyList<ZoomTarget> Targets(Scene scene) =>
        [.. scene.Marks.Select((m, i) => new ZoomTarget(i, m, m)), new ZoomTarget(scene.Marks.Count, scene.Digits[0].Box, scene.Digits[0].InkBox)];

    private static Scene Filled(ChanceStream chance, Split split)
    {
        var side = chance.Next(96, 192);
        var scene = Scene.Empty(chance, side, side);
        scene.Digits.Add(Place(chance, split, chance.Next(10), Scene.Somewhere(chance, new ZoomBox(0, 0, side, side), Share(chance, side, .7, .95))));
        return scene;
    }
}
