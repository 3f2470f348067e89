using System.Text.Json;
using Axpo.Environments.Tools.Images;

namespace Axpo.Environments.Suites.Pictures;

/// <summary>A handwritten digit on a canvas.</summary>
/// <param name="Digit">0 to 9.</param>
/// <param name="Index">Its index among its like.</param>
/// <param name="Box">The square that its 28 x 28 pixels are scaled to.</param>
internal sealed record PlacedDigit(int Digit, int Index, ZoomBox Box)
{
    /// <summary>The part of it that has ink.</summary>
    public ZoomBox InkBox { get; } = Canvas.InkBox(Digit, Index, Box);
}

/// <summary>Something that is no digit.</summary>
/// <param name="Kind"><c>line</c>, <c>squiggle</c> (both: strokes from point to point) or <c>rectangle</c> (filled, between two points).</param>
/// <param name="Points">Its points.</param>
/// <param name="Thickness">Of strokes, in pixels.</param>
internal sealed record Distractor(string Kind, (int X, int Y)[] Points, int Thickness)
{
    /// <summary>Draws it.</summary>
    public void Draw(Canvas canvas, byte ink)
    {
        if (Kind == "rectangle")
        {
            canvas.Fill(Points[0].X, Points[0].Y, Points[1].X - Points[0].X, Points[1].Y - Points[0].Y, ink);
            return;
        }

        for (var i = 1; i < Points.Length; i++)
        {
            canvas.Stroke(Points[i - 1], Points[i], Thickness, ink);
        }
    }
}

/// <summary>What stands on a canvas, and where.</summary>
internal sealed class Scene
{
    private const int MarkThickness = 8; // Of a mark's side.

    /// <summary>Pixels a row.</summary>
    public required int Width { get; init; }

    /// <summary>Rows.</summary>
    public required int Height { get; init; }

    /// <summary>Grey of the ground.</summary>
    public required byte Ground { get; init; }

    /// <summary>Grey of everything that is drawn on it.</summary>
    public required byte Ink { get; init; }

    /// <summary>The digits, in the order in which they are read.</summary>
    public List<PlacedDigit> Digits { get; } = [];

    /// <summary>Frames around each other, the outermost first; the digit stands in the last.</summary>
    public List<ZoomBox> Marks { get; } = [];

    /// <summary>What else is there.</summary>
    public List<Distractor> Distractors { get; } = [];

    /// <summary>An empty one: black ink on a light ground.</summary>
    public static Scene Empty(ChanceStream chance, int width, int height) => new() { Width = width, Height = height, Ground = (byte)chance.Next(170, 230), Ink = 0 };

    /// <summary>The room inside a mark.</summary>
    public static ZoomBox Inside(ZoomBox mark)
    {
        var thickness = mark.Width / MarkThickness;
        return new ZoomBox(mark.X + thickness, mark.Y + thickness, mark.Width - (2 * thickness), mark.Height - (2 * thickness));
    }

    /// <summary>A square of a side somewhere in an area.</summary>
    public static ZoomBox Somewhere(ChanceStream chance, ZoomBox area, int side) =>
        new(area.X + chance.Next(0, area.Width - side), area.Y + chance.Next(0, area.Height - side), side, side);

    /// <summary>Adds one or two things that are no digits, where they touch no digit and no mark; one that finds no room is left out.</summary>
    /// <param name="chance">Decides.</param>
    /// <param name="reach">Their longest extent in pixels.</param>
    public void Distract(ChanceStream chance, int reach)
    {
        for (var left = chance.Next(1, 2); left > 0; left--)
        {
            for (var tries = 0; tries < 40; tries++)
            {
                var (distractor, area) = Next(chance, reach);
                if (area.X >= 0 && area.Y >= 0 && area.X + area.Width <= Width && area.Y + area.Height <= Height && !Digits.Any(d => Touch(d.Box, area)) && !Marks.Any(m => Touch(m, area)))
                {
                    Distractors.Add(distractor);
                    break;
                }
            }
        }
    }

    /// <summary>Draws it.</summary>
    public Canvas Render()
    {
        var canvas = new Canvas(Width, Height, Ground);
        foreach (var distractor in Distractors)
        {
            distractor.Draw(canvas, Ink);
        }

        foreach (var mark in Marks)
        {
            canvas.Frame(mark, mark.Width / MarkThickness, Ink);
        }

        foreach (var digit in Digits)
        {
            canvas.Digit(digit.Digit, digit.Index, digit.Box, Ink);
        }

        return canvas;
    }

    /// <summary>Where everything is, as a JSON object: <c>width</c>, <c>height</c>, <c>digits</c>, <c>marks</c> (boxes [x, y, width, height]), <c>distractors</c> (counts).</summary>
    public string Metadata() => JsonSerializer.Serialize(new
    {
        width = Width,
        height = Height,
        digits = Digits.Select(d => new { digit = d.Digit, mnist_index = d.Index, box = Numbers(d.Box), ink_box = Numbers(d.InkBox) }),
        marks = Marks.Select(Numbers),
        distractors = Distractors.GroupBy(d => d.Kind).OrderBy(g => g.Key, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Count()),
    });

    private static int[] Numbers(ZoomBox box) => [box.X, box.Y, box.Width, box.Height];

    private static bool Touch(ZoomBox a, ZoomBox b) => a.X < b.X + b.Width && b.X < a.X + a.Width && a.Y < b.Y + b.Height && b.Y < a.Y + a.Height;

    /// <summary>Longer and thinner than digits, bars, or zigzags of many strokes: nothing that could be read as one.</summary>
    private (Distractor Distractor, ZoomBox Area) Next(ChanceStream chance, int reach)
    {
        var (x, y, thickness) = (chance.Next(Width), chance.Next(Height), Math.Max(2, reach / 40));
        switch (chance.Next(3))
        {
            case 0:
                var (across, length) = (chance.Next(reach / 8), chance.Next(reach / 2, reach));
                var (dx, dy) = chance.Next(2) == 0 ? (length, across) : (across, length);
                return Strokes("line", [(x, y), (x + dx, y + dy)], thickness);
            case 1:
                var (step, high) = (chance.Next(reach / 10, reach / 7), chance.Next(reach / 8, reach / 4));
                return Strokes("squiggle", [.. Enumerable.Range(0, 7).Select(i => (x + (i * step), i % 2 == 0 ? y : y + high))], thickness);
            default:
                var (a, b) = (chance.Next(reach / 2, reach), chance.Next(reach / 10, reach / 6));
                var (width, height) = chance.Next(2) == 0 ? (a, b) : (b, a);
                return (new Distractor("rectangle", [(x, y), (x + width, y + height)], 0), new ZoomBox(x, y, width, height));
        }
    }

    private static (Distractor Distractor, ZoomBox Area) Strokes(string kind, (int X, int Y)[] points, int thickness)
    {
        var (left, top) = (points.Min(p => p.X) - thickness, points.Min(p => p.Y) - thickness);
        return (new Distractor(kind, points, thickness), new ZoomBox(left, top, points.Max(p => p.X) + thickness - left, points.Max(p => p.Y) + thickness - top));
    }
}
