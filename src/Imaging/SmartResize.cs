namespace Axpo.Imaging;

/// <summary>The size to which a picture is brought (transformers <c>image_processing_qwen2_vl.py</c>, <c>smart_resize</c>): multiples of a factor, an area within bounds, about the same ratio of sides.</summary>
public static class SmartResize
{
    /// <summary>The largest ratio of the sides.</summary>
    public const int LargestRatio = 200;

    /// <summary>The size. A thin picture's area may still be above the bound, as in the reference.</summary>
    /// <param name="height">Rows, above 0.</param>
    /// <param name="width">Columns, above 0.</param>
    /// <param name="factor">What both sides become multiples of, pixels.</param>
    /// <param name="minPixels">Least area, pixels.</param>
    /// <param name="maxPixels">Largest area, pixels.</param>
    /// <exception cref="InvalidDataException">One side is more than 200 times the other.</exception>
    public static (int Height, int Width) Target(int height, int width, int factor, long minPixels, long maxPixels)
    {
        var ratio = (double)Math.Max(height, width) / Math.Min(height, width);
        if (ratio > LargestRatio)
        {
            throw new InvalidDataException(FormattableString.Invariant($"picture of {width} x {height} pixels: one side is {ratio:0.#} times the other, more than {LargestRatio}"));
        }

        // Half goes to even, as Python rounds; a thin side may round to 0 and so go to the lower bound.
        var (tall, wide) = (Math.Round((double)height / factor, MidpointRounding.ToEven) * factor, Math.Round((double)width / factor, MidpointRounding.ToEven) * factor);
        if (tall * wide > maxPixels)
        {
            var shrink = Math.Sqrt((double)height * width / maxPixels);
            (tall, wide) = (Math.Max(factor, Math.Floor(height / shrink / factor) * factor), Math.Max(factor, Math.Floor(width / shrink / factor) * factor));
        }
        else if (tall * wide < minPixels)
        {
            var grow = Math.Sqrt(minPixels / ((double)height * width));
            (tall, wide) = (Math.Ceiling(height * grow / factor) * factor, Math.Ceiling(width * grow / factor) * factor);
        }

        return ((int)tall, (int)wide);
    }
}
