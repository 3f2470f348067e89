namespace Axpo.Imaging;

/// <summary>Transparent pixels over white, to the byte of Pillow's <c>alpha_composite</c> (<c>src/libImaging/AlphaComposite.c</c>) and <c>paste</c>, which agree over an opaque ground.</summary>
internal static class WhiteGround
{
    /// <summary>RGB over white.</summary>
    /// <param name="rgba">[pixels, 4], not premultiplied.</param>
    /// <param name="opaque">Whether alpha is ignored.</param>
    /// <returns>[pixels, 3].</returns>
    public static byte[] Over(ReadOnlySpan<byte> rgba, bool opaque)
    {
        var rgb = new byte[rgba.Length / 4 * 3];
        for (int from = 0, to = 0; to < rgb.Length; from += 4, to += 3)
        {
            int alpha = opaque ? byte.MaxValue : rgba[from + 3];
            if (alpha == byte.MaxValue)
            {
                (rgb[to], rgb[to + 1], rgb[to + 2]) = (rgba[from], rgba[from + 1], rgba[from + 2]);
                continue;
            }

            for (var i = 0; i < 3; i++)
            {
                rgb[to + i] = Blend(rgba[from + i], alpha);
            }
        }

        return rgb;
    }

    private static byte Blend(int colour, int alpha) => (byte)(((colour * alpha) + (255 * (255 - alpha)) + 127) / 255);
}
