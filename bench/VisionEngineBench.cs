using System.Globalization;
using Axpo.Core;
using Axpo.Imaging;
using Axpo.Training.Generation;
using Axpo.Training.Models;
using Axpo.Training.Pictures;
using Axpo.Training.Threads;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Bench;

/// <summary>Eight rollouts of a picture that the engine has not seen, against eight of as much text and one pass of the tower on one thread, which is how the engine runs it.</summary>
internal static class VisionEngineBench
{
    private const int Rollouts = 8;

    public static async Task<IReadOnlyList<Row>> RunAsync() =>
    [
        .. await MeasureAsync(VisionShape.Tiny, 4, 64, 15),
        .. await MeasureAsync(VisionShape.Small, 1, 32, 9),
    ];

    private static async Task<IReadOnlyList<Row>> MeasureAsync(VisionShape shape, int groups, int newTokens, int rounds)
    {
        var store = new VisionPictures();
        var pictures = store.Put(VisionPictures.Draw(1, 1, groups * (rounds + 1)));
        using var model = new BenchModel(shape.Decoder, pictures: shape.Processor);
        using var decoder = Decoder.Load(model.Folder);
        using var oneThread = new DeviceThread("bench-tower", 1);
        using var everyCore = new DeviceThread("bench-tower-all", 0);
        await using var engine = await model.StartAsync(new EngineOptions { KvMebibytes = 512, MaxBatch = Requests.BatchFor(Rollouts) }, store);
        Rate seeing = new(), text = new(), withReading = new(), one = new(), all = new();
        var encoded = 0L;
        for (var round = 0; round <= rounds; round++)
        {
            var own = pictures.AsSpan(groups * round, groups).ToArray();
            var reader = new PictureReader(store, shape.Processor, long.MaxValue);
            (int[] Tokens, PlacedImage Image)[] prompts = [.. own.Select((image, i) => VisionPrompts.With(shape, reader, image, 0, (groups * round) + i))];
            var before = engine.Status.EncodedImages;
            await seeing.AddAsync(round, groups, () => EachAsync(engine, $"p{round}", newTokens, prompts.Select(p => (p.Tokens, (PlacedImage[])[p.Image]))));
            encoded += engine.Status.EncodedImages - before;
            PicturePatches[] patches = [];
            await withReading.AddAsync(round, groups, async () =>
            {
                patches = await Task.WhenAll(own.Select(image => reader.ReadAsync(image, CancellationToken.None)));
                await TextAndTowerAsync(round, "r");
            });
            await text.AddAsync(round, groups, () => TextAndTowerAsync(round, "t"));
            await one.AddAsync(round, groups, () => TowerAsync(oneThread, decoder, patches));
            await all.AddAsync(round, groups, () => TowerAsync(everyCore, decoder, patches));

            async Task TextAndTowerAsync(int round, string name)
            {
                await EachAsync(engine, $"{name}{round}", newTokens, prompts.Select((p, i) => (VisionPrompts.Without(shape, p.Tokens, ((name[0] + round) * 1000) + i), (PlacedImage[])[])));
                await TowerAsync(oneThread, decoder, patches);
            }
        }

        var what = string.Create(CultureInfo.InvariantCulture, $"{Rollouts} rollouts of {newTokens} tokens that see one picture, {shape.Name}");
        return
        [
            Row.AtMost($"{what} / of as much text and one pass of the tower, time", Milliseconds(seeing), $"{Milliseconds(text)}, of which the tower {Milliseconds(one)}", text.Against(seeing), 1.15),
            Row.Context($"{what} / the same with reading, resizing and cutting the file once", Milliseconds(seeing), Milliseconds(withReading), withReading.Against(seeing)),
            Row.AtMost($"{what}: passes of the tower / pictures", $"{encoded}", $"{pictures.Length}", (double)encoded / pictures.Length, 1),
            Row.Context($"a pass of the tower, {shape.Name}: every core / one thread, which the engine gives it", Milliseconds(all), Milliseconds(one), all.Against(one)),
        ];
    }

    /// <summary>A picture's rollouts at once, one picture after another.</summary>
    private static async Task EachAsync(PolicyEngine engine, string name, int newTokens, IEnumerable<(int[] Tokens, PlacedImage[] Images)> prompts)
    {
        foreach (var (i, (tokens, images)) in prompts.Index())
        {
            await Requests.AllAsync(engine, Enumerable.Range(0, Rollouts).Select(r => Requests.New($"{name}/{i}/{r}", tokens, 0, newTokens, r) with { Group = $"{name}/{i}", Images = images }));
        }

        engine.Release(name);
    }

    private static Task<int> TowerAsync(DeviceThread thread, Decoder decoder, PicturePatches[] pictures) => thread.RunAsync(
        () =>
        {
            using var guard = inference_mode();
            foreach (var picture in pictures)
            {
                using var scope = NewDisposeScope();
                decoder.Tower!.Encode([picture]);
            }

            return pictures.Length;
        },
        CancellationToken.None);

    private static string Milliseconds(Rate rate) => string.Create(CultureInfo.InvariantCulture, $"{1000 / rate.PerSecond:F1} ms");
}
