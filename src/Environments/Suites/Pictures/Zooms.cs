using System.Globalization;
using Axpo.Environments.Tools.Images;

namespace Axpo.Environments.Suites.Pictures;

/// <summary>What a teacher zooms in on.</summary>
/// <param name="Image">Index of the image.</param>
/// <param name="Box">The box around which it leaves a margin, in pixels of the whole canvas.</param>
/// <param name="Ink">What must be seen whole, in pixels of the whole canvas.</param>
internal readonly record struct ZoomTarget(int Image, ZoomBox Box, ZoomBox Ink);

/// <summary>The teacher of the picture suites: one zoom a target, answered as the real tool does.</summary>
internal static class Zooms
{
    private const int Step = 50;
    private const double Margin = .15;
    private const double Jitter = .08;

    /// <summary>Zooms in on each target.</summary>
    public static IReadOnlyList<TeacherStep> Of(Canvas canvas, IReadOnlyList<ZoomTarget> targets, ChanceKey key)
    {
        var chance = key.With("zoom").Stream();
        var images = new List<(Canvas Canvas, int X, int Y)> { (canvas, 0, 0) };
        var steps = new List<TeacherStep>();
        foreach (var target in targets)
        {
            var (image, left, top) = images[target.Image];
            var (x0, x1) = Edges(chance, target.Box.X - left, target.Box.Width, target.Ink.X - left, target.Ink.Width, image.Width);
            var (y0, y1) = Edges(chance, target.Box.Y - top, target.Box.Height, target.Ink.Y - top, target.Ink.Height, image.Height);
            if (ZoomBox.Of([x0, y0, x1, y1], image.Width, image.Height, out var box) is { } fault)
            {
                throw new InvalidOperationException(fault);
            }

            var crop = image.Crop(box);
            steps.Add(new TeacherStep(steps.Count == 0 ? $"use {ZoomTool.Name}" : $"then {ZoomTool.Name}", ZoomTool.Name, Arguments(x0, y0, x1, y1, target.Image), ZoomTool.Observation(images.Count)) { Images = [crop.Png()] });
            images.Add((crop, left + box.X, top + box.Y));
        }

        return steps;
    }

    private static string Arguments(int x0, int y0, int x1, int y1, int image) => string.Create(
        CultureInfo.InvariantCulture,
        $$"""{"bbox_2d":[{{x0}},{{y0}},{{x1}},{{y1}}]{{(image == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $",\"img_idx\":{image}"))}}}""");

    /// <summary>The edges around a box with the margin, as multiples of <see cref="Step"/>; moved out until the ink lies between them.</summary>
    private static (int From, int End) Edges(ChanceStream chance, int from, int length, int ink, int inkLength, int side)
    {
        var low = Round(from - (Space(chance) * length), side);
        var high = Round(from + length + (Space(chance) * length), side);
        while ((long)low * side > (long)ink * ZoomBox.Scale)
        {
            low -= Step;
        }

        while ((long)high * side < (long)(ink + inkLength) * ZoomBox.Scale)
        {
            high += Step;
        }

        return (low, high);
    }

    private static double Space(ChanceStream chance) => Margin + (Jitter * ((2 * chance.NextDouble()) - 1));

    private static int Round(double pixel, int side) => Math.Clamp((int)Math.Floor((pixel * ZoomBox.Scale / side / Step) + .5) * Step, 0, ZoomBox.Scale);
}
