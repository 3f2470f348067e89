namespace Axpo.Imaging;

/// <summary>A picture as the vision tower takes it (<c>pixel_values</c>, <c>image_grid_thw</c>).</summary>
/// <param name="Grid">How many patches along each side.</param>
/// <param name="Values">[patches, channels * frames * patch * patch]: patches block by block (merge x merge, raster order inside and outside), in a patch channel, then frame, then rows.</param>
public sealed record PicturePatches(PatchGrid Grid, float[] Values);
