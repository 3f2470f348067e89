using System.Globalization;
using Axpo.Imaging;
using Axpo.Silo.Storage;
using Axpo.Training.Pictures;
using SkiaSharp;

namespace Axpo.Bench;

/// <summary>
/// A canvas of <c>find-digit</c> of 8,192 x 4,096 pixels from its file to patches, as engine and learner read it (its hash is checked, too), against what anybody's decoder takes for the same file; and the most memory meanwhile.
/// </summary>
internal static class VisionCanvasBench
{
    private const int Rounds = 3;
    private const string Plain = "plain";
    private const string Tiny = "tiny";
    private const string Megapixel = "megapixel";

    public static async Task<IReadOnlyList<Row>> RunAsync()
    {
        var root = Directory.CreateTempSubdirectory("axpo-bench-").FullName;
        try
        {
            var store = new FileImageStore(new RunFolders(root));
            var image = await store.PutAsync("bench", VisionPictures.Draw(3, 1, 1).Single(), CancellationToken.None);
            var path = Path.Combine(root, image.Uri);
            Rate plain = new(), decode = new(), toTiny = new(), toMegapixel = new(), ours = new();
            var picture = PictureDecoder.Decode(File.ReadAllBytes(path));
            for (var round = 0; round <= Rounds; round++)
            {
                await plain.AddAsync(round, 1, () => Done(() => Run(path, Plain)));
                await ours.AddAsync(round, 1, () => new PictureReader(store, Processor(Tiny), 0).ReadAsync(image, CancellationToken.None));
                await decode.AddAsync(round, 1, () => Done(() => PictureDecoder.Decode(File.ReadAllBytes(path))));
                await toTiny.AddAsync(round, 1, () => Done(() => Processor(Tiny).Process(picture)));
                await toMegapixel.AddAsync(round, 1, () => Done(() => Processor(Megapixel).Process(picture)));
            }

            var pixels = string.Create(CultureInfo.InvariantCulture, $"a canvas of {image.Width:N0} x {image.Height:N0} pixels");
            return
            [
                Row.Context($"{pixels} from its file to axpo-tiny-vl's patches / SkiaSharp's decoding alone, time", $"{Seconds(ours)} (decoding {Seconds(decode)}, resizing and cutting {Seconds(toTiny)})", Seconds(plain), plain.Against(ours)),
                Row.Context($"resizing and cutting {pixels} to one million pixels / SkiaSharp's decoding, time", Seconds(toMegapixel), Seconds(plain), plain.Against(toMegapixel)),
                .. await MemoryAsync(pixels, path, 3L * image.Width * image.Height),
            ];
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    /// <summary>Goes a way once.</summary>
    public static void Run(string path, string way)
    {
        var file = File.ReadAllBytes(path);
        if (way == Plain)
        {
            using var bitmap = SKBitmap.Decode(file);
            return;
        }

        Processor(way).Process(PictureDecoder.Decode(file));
    }

    private static async Task<IReadOnlyList<Row>> MemoryAsync(string pixels, string path, long rgb)
    {
        var rows = new List<Row>();
        foreach (var (way, what) in new[] { (Tiny, "to axpo-tiny-vl's patches"), (Megapixel, "to patches of one million pixels"), (Plain, "decoded by SkiaSharp alone") })
        {
            var name = $"most memory of {pixels}, {what} / its bytes as RGB";
            if (!PictureMemory.IsKnown)
            {
                rows.Add(Row.Absent(name, "this system does not say", ""));
                continue;
            }

            var most = await PictureMemory.OfAsync(path, way);
            rows.Add(Row.Context(name, $"{most >> 20} MiB", $"{rgb >> 20} MiB", (double)most / rgb));
        }

        return rows;
    }

    private static PictureProcessor Processor(string way) => way == Tiny ? VisionShape.Tiny.Processor : VisionShape.Small.Processor with { MaxPixels = 1 << 20 };

    private static string Seconds(Rate rate) => string.Create(CultureInfo.InvariantCulture, $"{1 / rate.PerSecond:F2} s");

    private static Task Done(Action work)
    {
        work();
        return Task.CompletedTask;
    }
}
