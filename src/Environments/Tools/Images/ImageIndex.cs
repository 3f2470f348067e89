using System.Text.Json;
using Axpo.Environments.Digits;
using Axpo.Environments.Questions;
using Axpo.Imaging;

namespace Axpo.Environments.Tools.Images;

/// <summary>A picture that was found.</summary>
/// <param name="Caption">What is on it.</param>
/// <param name="Similarity">0 to 1.</param>
public sealed record ImageHit(string Caption, double Similarity);

/// <summary>
/// Pictures with captions, found by likeness: the cosine between their 16 x 16 grey pixels, less their mean, whatever its sign (a negative shows the same). Colours are not
/// looked at. In memory, the same hits everywhere, safe for many threads.
/// </summary>
public sealed class ImageIndex
{
    private const int Side = 16;
    private const int MaxCaption = 200;
    private const int DigitsOfAKind = 24;

    private static readonly Lazy<ImageIndex> _shipped = new(() => new ImageIndex([.. Digits(), .. Shapes()]));

    private readonly (float[] Feature, string Caption)[] _entries;

    /// <summary>Makes an index.</summary>
    /// <param name="pictures">Pictures with their captions, at least one.</param>
    /// <exception cref="ArgumentException">There is none.</exception>
    public ImageIndex(IEnumerable<(Picture Picture, string Caption)> pictures)
    {
        _entries = [.. pictures.Select(p => (Feature(p.Picture), p.Caption))];
        if (_entries.Length == 0)
        {
            throw new ArgumentException("an index of no pictures finds none", nameof(pictures));
        }
    }

    /// <summary>Handwritten digits (of the split that is trained on), circles, squares and triangles; made when first asked for.</summary>
    public static ImageIndex Shipped => _shipped.Value;

    /// <summary>How many pictures it holds.</summary>
    public int Count => _entries.Length;

    /// <summary>Reads an index: lines of JSON, each <c>{"image": PATH, "caption": TEXT}</c>, the path relative to the file's folder.</summary>
    /// <param name="file">The file.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="InvalidDataException">A line, or its picture, is not what it should be; the message names the line.</exception>
    /// <exception cref="IOException">The file, or a picture, cannot be read.</exception>
    public static async Task<ImageIndex> ReadAsync(string file, CancellationToken cancellationToken)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(file))!;
        var entries = new List<(Picture, string)>();
        await using var stream = File.OpenRead(file);
        await foreach (var (number, bytes, isOver) in LineReader.ReadAsync(stream, cancellationToken))
        {
            try
            {
                if (isOver)
                {
                    throw new InvalidDataException($"is longer than {LineReader.MaxBytes} bytes");
                }

                if (bytes.Span.Trim(" \t\r"u8).Length > 0)
                {
                    var (path, caption) = Parse(bytes);
                    if ((ImagePath.Resolve(folder, path, out var full) ?? await ImageFile.CheckAsync(full, cancellationToken)) is { } fault)
                    {
                        throw new InvalidDataException($"image '{path}': {fault.Remedy}");
                    }

                    // A thumbnail is kept, not the picture.
                    entries.Add((PillowResize.Bicubic(PictureDecoder.Decode(await File.ReadAllBytesAsync(full, cancellationToken)), Side, Side), caption));
                }
            }
            catch (Exception e) when (e is InvalidDataException or JsonException or NotSupportedException)
            {
                throw new InvalidDataException($"{file}, line {number}: {e.Message}", e);
            }
        }

        return entries.Count > 0 ? new ImageIndex(entries) : throw new InvalidDataException($"{file}: holds no picture; write lines such as {{\"image\": \"a.png\", \"caption\": \"a cat\"}}");
    }

    /// <summary>The nearest pictures, the nearest first; of equal ones the earlier.</summary>
    /// <param name="picture">What is looked for.</param>
    /// <param name="count">At most so many.</param>
    public IReadOnlyList<ImageHit> Nearest(Picture picture, int count)
    {
        var asked = Feature(picture);
        return [.. _entries.Select(e => new ImageHit(e.Caption, Similarity(asked, e.Feature))).OrderByDescending(h => h.Similarity).Take(count)];
    }

    private static double Similarity(float[] one, float[] other)
    {
        var sum = 0.0;
        for (var i = 0; i < one.Length; i++)
        {
            sum += (double)one[i] * other[i];
        }

        return Math.Abs(sum);
    }

    /// <summary>[16 x 16], its mean 0 and its norm 1; zeros where the picture is of one grey.</summary>
    private static float[] Feature(Picture picture)
    {
        var small = PillowResize.Bicubic(picture, Side, Side);
        var grey = new int[Side * Side];
        for (var i = 0; i < grey.Length; i++)
        {
            // Pillow's weights of grey.
            grey[i] = ((small.Rgb[3 * i] * 19595) + (small.Rgb[(3 * i) + 1] * 38470) + (small.Rgb[(3 * i) + 2] * 7471) + 0x8000) >> 16;
        }

        var mean = (double)grey.Sum() / grey.Length;
        var norm = Math.Sqrt(grey.Sum(g => (g - mean) * (g - mean)));
        return [.. grey.Select(g => norm == 0 ? 0 : (float)((g - mean) / norm))];
    }

    private static (string Path, string Caption) Parse(ReadOnlyMemory<byte> line)
    {
        using var json = JsonDocument.Parse(line);
        if (json.RootElement.ValueKind != JsonValueKind.Object)
        {
            throw new InvalidDataException($"must be an object with image and caption, not {json.RootElement.ValueKind}");
        }

        string? image = null, caption = null;
        foreach (var field in json.RootElement.EnumerateObject())
        {
            var value = field.Value.ValueKind == JsonValueKind.String ? field.Value.GetString()! : throw new InvalidDataException($"{field.Name} must be text, not {field.Value.GetRawText()}");
            _ = field.Name switch
            {
                "image" => image = value,
                "caption" => caption = value,
                _ => throw new InvalidDataException($"unknown field '{field.Name}'; there are image and caption"),
            };
        }

        return (image, caption) switch
        {
            (null, _) => throw new InvalidDataException("field image is missing"),
            (_, null) => throw new InvalidDataException("field caption is missing"),
            _ when caption.Trim().Length == 0 || caption.Length > MaxCaption || caption.Any(char.IsControl) => throw new InvalidDataException($"caption must be one line of 1 to {MaxCaption} characters"),
            _ => (image, caption),
        };
    }

    private static IEnumerable<(Picture, string)> Digits() =>
        from digit in Enumerable.Range(0, 10)
        from index in Enumerable.Range(0, HandwrittenDigits.Count(digit)).Where(i => HandwrittenDigits.SplitOf(i) == Split.Train).Take(DigitsOfAKind)
        select (Grey(HandwrittenDigits.Side, HandwrittenDigits.Ink(digit, index).ToArray()), $"a handwritten {digit}");

    private static IEnumerable<(Picture, string)> Shapes()
    {
        const int canvas = 64;
        (string Caption, Func<int, int, int, bool> Covers)[] shapes =
        [
            ("a circle", (x, y, r) => (x * x) + (y * y) <= r * r),
            ("a square", (x, y, r) => Math.Abs(x) <= r && Math.Abs(y) <= r),
            ("a triangle", (x, y, r) => y <= r && 2 * Math.Abs(x) <= y + r),
        ];
        foreach (var (caption, covers) in shapes)
        {
            foreach (var radius in (int[])[12, 18, 24, 30])
            {
                foreach (var hole in (int[])[0, radius * 3 / 4])
                {
                    yield return (Grey(canvas, [.. Enumerable.Range(0, canvas * canvas).Select(i =>
                    {
                        var (x, y) = ((i % canvas) - (canvas / 2), (i / canvas) - (canvas / 2));
                        return covers(x, y, radius) && !(hole > 0 && covers(x, y, hole)) ? byte.MaxValue : byte.MinValue;
                    })]), caption);
                }
            }
        }
    }

    private static Picture Grey(int side, byte[] grey) => new(side, side, [.. grey.SelectMany(g => Enumerable.Repeat(g, 3))]);
}
