using System.Numerics;

namespace Axpo.Imaging;

/// <summary>
/// Pillow's bicubic resampling to the byte (<c>src/libImaging/Resample.c</c>): a = -0.5, widened when shrinking (antialiased), a horizontal and a vertical pass with coefficients of 22 fractional bits, each rounded and clipped to 8 bits.
/// </summary>
public static class PillowResize
{
    private const int PrecisionBits = 32 - 8 - 2;

    private const double Support = 2;

    /// <summary>The picture in another size; a side that stays is not resampled.</summary>
    /// <param name="picture">The picture.</param>
    /// <param name="width">New pixels a row, above 0.</param>
    /// <param name="height">New rows, above 0.</param>
    public static Picture Bicubic(Picture picture, int width, int height)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        var wide = width == picture.Width ? picture : Horizontal(picture, width);
        return height == picture.Height ? wide : Vertical(wide, height);
    }

    private static Picture Horizontal(Picture picture, int width)
    {
        var taps = Taps(picture.Width, width);
        var output = new byte[checked(width * picture.Height * 3)];
        var (red, green, blue) = (new int[picture.Width], new int[picture.Width], new int[picture.Width]);
        for (var y = 0; y < picture.Height; y++)
        {
            var isGrey = Part(picture.Row(y), red, green, blue);
            var to = output.AsSpan(y * width * 3, width * 3);
            for (var x = 0; x < width; x++)
            {
                var (first, weights) = taps[x];
                to[3 * x] = Sum(red, first, weights);
                (to[(3 * x) + 1], to[(3 * x) + 2]) = isGrey ? (to[3 * x], to[3 * x]) : (Sum(green, first, weights), Sum(blue, first, weights));
            }
        }

        return new Picture(width, picture.Height, output);
    }

    /// <summary>Channels apart; whether they are the same.</summary>
    private static bool Part(ReadOnlySpan<byte> row, int[] red, int[] green, int[] blue)
    {
        var differences = 0;
        for (var x = 0; x < red.Length; x++)
        {
            var (r, g, b) = (row[3 * x], row[(3 * x) + 1], row[(3 * x) + 2]);
            (red[x], green[x], blue[x]) = (r, g, b);
            differences |= (r ^ g) | (r ^ b);
        }

        return differences == 0;
    }

    private static byte Sum(int[] channel, int first, int[] weights)
    {
        var (sums, i) = (Vector<int>.Zero, 0);
        for (; i <= weights.Length - Vector<int>.Count; i += Vector<int>.Count)
        {
            sums += new Vector<int>(channel, first + i) * new Vector<int>(weights, i);
        }

        var sum = Vector.Sum(sums) + (1 << (PrecisionBits - 1));
        for (; i < weights.Length; i++)
        {
            sum += channel[first + i] * weights[i];
        }

        return Clip(sum);
    }

    private static Picture Vertical(Picture picture, int height)
    {
        var taps = Taps(picture.Height, height);
        var bytes = picture.Width * 3;
        var output = new byte[checked(bytes * height)];
        var sums = new int[bytes];
        for (var y = 0; y < height; y++)
        {
            var (first, weights) = taps[y];
            Array.Fill(sums, 1 << (PrecisionBits - 1));
            for (var i = 0; i < weights.Length; i++)
            {
                var row = picture.Row(first + i);
                for (var x = 0; x < sums.Length; x++)
                {
                    sums[x] += row[x] * weights[i];
                }
            }

            var to = output.AsSpan(y * bytes, bytes);
            for (var x = 0; x < sums.Length; x++)
            {
                to[x] = Clip(sums[x]);
            }
        }

        return new Picture(picture.Width, height, output);
    }

    /// <summary>First pixel and fixed-point weights of every new pixel (<c>precompute_coeffs</c>, <c>normalize_coeffs_8bpc</c>).</summary>
    private static (int First, int[] Weights)[] Taps(int from, int to)
    {
        var scale = (double)from / to;
        var stretch = Math.Max(scale, 1);
        var support = Support * stretch;
        var taps = new (int First, int[] Weights)[to];
        for (var x = 0; x < to; x++)
        {
            var centre = (x + .5) * scale;
            var first = Math.Max(0, (int)(centre - support + .5));
            var weights = new double[Math.Min(from, (int)(centre + support + .5)) - first];
            var sum = 0.0;
            for (var i = 0; i < weights.Length; i++)
            {
                weights[i] = Cubic((i + first - centre + .5) * (1 / stretch));
                sum += weights[i];
            }

            taps[x] = (first, [.. weights.Select(w => Fixed(sum == 0 ? w : w / sum))]);
        }

        return taps;
    }

    private static int Fixed(double weight) => (int)((weight < 0 ? -.5 : .5) + (weight * (1 << PrecisionBits)));

    private static double Cubic(double x)
    {
        const double A = -.5;
        x = Math.Abs(x);
        return x switch
        {
            < 1 => ((((A + 2) * x) - (A + 3)) * x * x) + 1,
            < 2 => ((((x - 5) * x) + 8) * x - 4) * A,
            _ => 0,
        };
    }

    private static byte Clip(int sum) => (byte)Math.Clamp(sum >> PrecisionBits, 0, 255);
}
