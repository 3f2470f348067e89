using System.Globalization;
using Axpo.Core;
using Axpo.Training.Generation;
using Axpo.Training.Learning;
using Axpo.Training.Pictures;

namespace Axpo.Bench;

/// <summary>
/// A training step of axpo-tiny-vl on <c>find-digit</c>: generation of 16 questions times 8 rollouts, each of which sees its question's picture and one that it zoomed in on, then the learner's update. Against it what the same step
/// does for pictures, alone: engine and learner each read, resize and cut every picture once; the engine's tower; the learner's, as many passes over the same micro-batches, there and back where it is trained. Drawing, and the
/// zooms' own work, belong to neither.
/// </summary>
internal static class VisionStepBench
{
    private const int Questions = 16;
    private const int Rollouts = 8;
    private const int FirstTokens = 40;
    private const int SecondTokens = 24;
    private const int Rounds = 3;

    public static async Task<IReadOnlyList<Row>> RunAsync()
    {
        var (shape, store) = (VisionShape.Tiny, new VisionPictures());
        using var model = new BenchModel(shape.Decoder, 1, shape.Processor);
        await using var engine = await model.StartAsync(new EngineOptions { KvMebibytes = 512 }, store);
        using var learner = await Learner.StartAsync(model.Folder, new RunConfiguration(), store, CancellationToken.None);
        using var alone = new VisionWork(model.Folder, shape, store);
        Rate generation = new(), update = new(), step = new(), text = new(), work = new();
        var parts = new List<VisionWork.Parts>();
        for (var round = 0; round <= Rounds; round++)
        {
            ReadOnlyMemory<byte>[] files = [.. VisionPictures.Draw(1, round + 1, Questions)];
            var (shown, zoomed) = (store.Put(files), files.Select((file, q) => store.Put(VisionPictures.Zooms(file, (round * Questions) + q, Rollouts))).ToArray());
            UpdateBatch batch = null!;
            VisionWork.Parts own = null!;
            await step.AddAsync(round, 1, async () =>
            {
                await generation.AddAsync(round, 1, async () => batch = await RolloutsAsync(engine, shape, alone.Reader(), round, sees: true, shown, zoomed));
                await update.AddAsync(round, 1, () => learner.UpdateAsync(batch, CancellationToken.None));
            });
            await work.AddAsync(round, 1, async () => own = await alone.DoAsync(batch, [.. shown, .. zoomed.SelectMany(z => z)]));
            await text.AddAsync(round, 1, async () =>
            {
                var blind = await RolloutsAsync(engine, shape, alone.Reader(), round, sees: false, shown, zoomed);
                await learner.UpdateAsync(blind with { Step = batch.Step + 1000, Id = blind.Id + "t" }, CancellationToken.None);
            });
            parts.Add(own);
        }

        string Median(Func<VisionWork.Parts, double> of) => string.Create(CultureInfo.InvariantCulture, $"{Rate.Median(parts.Skip(1).Select(of)):F2} s");
        var what = $"a step of axpo-tiny-vl, {Questions} questions x {Rollouts} rollouts with two pictures each";
        var whole = string.Create(CultureInfo.InvariantCulture, $"{Seconds(step)}: generation {Seconds(generation)}, update {Seconds(update)}");
        return
        [
            Row.Context(
                $"what {what}, does for pictures / the step",
                string.Create(CultureInfo.InvariantCulture, $"{Seconds(work)} (by processor time {step.CpuAgainst(work):G3}): reading and cutting {Median(p => p.Reading)}, the engine's tower {Median(p => p.Engine)}, the learner's {Median(p => p.Learner)}"),
                whole,
                step.Against(work)),
            Row.Context($"{what} / with as much text in their place, time", string.Create(CultureInfo.InvariantCulture, $"{whole} (by processor time {text.CpuAgainst(step):G3})"), Seconds(text), text.Against(step)),
        ];
    }

    /// <summary>Both turns of every rollout, and the batch that the learner takes.</summary>
    private static async Task<UpdateBatch> RolloutsAsync(PolicyEngine engine, VisionShape shape, PictureReader reader, int round, bool sees, ImageRef[] shown, ImageRef[][] zoomed)
    {
        var name = $"{(sees ? "p" : "t")}{round}";
        var sequences = await Task.WhenAll(Enumerable.Range(0, Questions * Rollouts).Select(i => RolloutAsync(i / Rollouts, i % Rollouts)));
        engine.Release(name);
        return new UpdateBatch(name, round + 1, Questions, Rollouts, sequences);

        async Task<TrainSequence> RolloutAsync(int question, int rollout)
        {
            var (session, key, seed) = ($"{name}/{question}/{rollout}", (question * Rollouts) + rollout, (round * Questions) + question);
            var (first, image) = VisionPrompts.With(shape, reader, shown[question], 0, seed);
            var opening = sees ? first : VisionPrompts.Without(shape, first, 10_000 + seed);
            var call = await AskAsync(Requests.New(session, opening, 0, FirstTokens, key) with { Group = $"{name}/{question}", Images = sees ? [image] : [] });
            var (second, zoom) = VisionPrompts.With(shape, reader, zoomed[question][rollout], opening.Length + FirstTokens, seed);
            var observed = sees ? second : VisionPrompts.Without(shape, second, 20_000 + (seed * Rollouts) + rollout);
            var answer = await AskAsync(Requests.New(session, observed, opening.Length + FirstTokens, SecondTokens, key + 1000) with { Images = sees ? [zoom] : [] });
            bool[] loss = [.. Of(opening, false), .. Of(call.Tokens, true), .. Of(observed, false), .. Of(answer.Tokens, true)];
            return new TrainSequence
            {
                Id = new EpisodeId("bench", Phase.Train, round + 1, question, rollout),
                Question = question,
                Tokens = [.. opening, .. call.Tokens, .. observed, .. answer.Tokens],
                IsLoss = loss,
                Weight = 1.0 / (Questions * Rollouts),
                Advantages = [.. loss.Select(l => !l ? 0 : rollout % 2 == 0 ? 1.0 : -1.0)],
                BehaviorLogProbs = [.. opening.Select(_ => float.NaN), .. call.LogProbs, .. observed.Select(_ => float.NaN), .. answer.LogProbs],
                Images = sees ? [image, zoom] : [],
            };
        }

        async Task<GenerateResult> AskAsync(GenerateRequest request) => (await Requests.AllAsync(engine, [request]))[0];
    }

    private static IEnumerable<bool> Of(int[] tokens, bool isLoss) => Enumerable.Repeat(isLoss, tokens.Length);

    private static string Seconds(Rate rate) => string.Create(CultureInfo.InvariantCulture, $"{1 / rate.PerSecond:F2} s");
}
