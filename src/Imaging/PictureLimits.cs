namespace Axpo.Imaging;

/// <summary>How much a file may ask for; checked before a pixel is decoded.</summary>
public sealed record PictureLimits
{
    /// <summary>The default ones.</summary>
    public static PictureLimits Default { get; } = new();

    /// <summary>Largest file, bytes.</summary>
    public int FileBytes { get; init; } = 64 << 20;

    /// <summary>Largest picture, pixels: decoding takes up to 7 bytes for each.</summary>
    public long Pixels { get; init; } = 32L << 20;
}
