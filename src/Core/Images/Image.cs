namespace Axpo.Core;

/// <summary>A stored image, by reference: messages, trajectories and journals carry this, never its bytes.</summary>
/// <param name="Uri">Where it is, relative to the store that issued it.</param>
/// <param name="Sha256">Lower-case hex hash of the file: its identity.</param>
/// <param name="Width">Pixels a row, as people look at it (turned upright).</param>
/// <param name="Height">Rows.</param>
[GenerateSerializer, Immutable, Alias("axpo.ImageRef")]
public sealed record ImageRef([property: Id(0)] string Uri, [property: Id(1)] string Sha256, [property: Id(2)] int Width, [property: Id(3)] int Height);

/// <summary>An image in a sequence: tokens [Start, End) stand for it, one after another, and no other token does.</summary>
/// <param name="Image">The image.</param>
/// <param name="Start">Its first token.</param>
/// <param name="End">One past its last.</param>
[GenerateSerializer, Immutable, Alias("axpo.PlacedImage")]
public sealed record PlacedImage([property: Id(0)] ImageRef Image, [property: Id(1)] int Start, [property: Id(2)] int End)
{
    /// <summary>Tokens that stand for it.</summary>
    public int Length => End - Start;

    /// <summary>The same one, moved.</summary>
    public PlacedImage Shift(int by) => this with { Start = Start + by, End = End + by };
}
