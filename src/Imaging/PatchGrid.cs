namespace Axpo.Imaging;

/// <summary>Patches of a picture along time, height and width (<c>image_grid_thw</c>).</summary>
/// <param name="Time">Pairs of frames; 1 of a still picture.</param>
/// <param name="Height">Rows of patches.</param>
/// <param name="Width">Patches a row.</param>
public readonly record struct PatchGrid(int Time, int Height, int Width)
{
    /// <summary>All patches.</summary>
    public int Patches => checked(Time * Height * Width);

    /// <summary>Tokens of the text that stand for it.</summary>
    /// <param name="merge">Patches a token along a side.</param>
    public int Tokens(int merge) => Patches / (merge * merge);
}
