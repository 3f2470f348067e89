using Axpo.Core;
using Axpo.Training.Learning;
using Axpo.Training.Models;
using Axpo.Training.Pictures;
using Axpo.Training.Tests.Learning;
using Shouldly;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Models.Vision;

/// <summary>Packed training with pictures, on the paths that the learner takes, against transformers' numbers.</summary>
[Trait("Category", "Parity")]
[Trait("Family", "models")]
public sealed class VisionLearnerTests
{
    public static TheoryData<string, bool, bool> Ways
    {
        get
        {
            var data = new TheoryData<string, bool, bool>();
            foreach (var folder in VisionFixture.Folders)
            {
                foreach (var (checkpointing, shares) in new[] { (false, false), (true, false), (false, true), (true, true) })
                {
                    data.Add(folder, checkpointing, shares);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void Gradients_of_tower_and_decoder_by_the_hand_written_way_back(string name, bool checkpointing, bool shares)
    {
        using var fixture = VisionFixture.Open(name);
        using var scope = NewDisposeScope();
        var model = fixture.Model;
        PolicyPass? pass = null;
        TrainingNumbers.ShouldBeMetBy(
            model.Parameters,
            () =>
            {
                var (pack, chosen) = Pack(fixture, "batch_right", shares);
                pass = new PolicyPass(model, pack, chosen, 1.0, checkpointing: checkpointing);
                return (pass.LogProbs.mean().neg(), chosen.shape[0]);
            },
            fixture.Cases,
            fixture.Json["training"]!.AsObject(),
            () => pass!.Backward());
    }

    [Theory]
    [MemberData(nameof(VisionFixture.Folders), MemberType = typeof(VisionFixture))]
    public void Every_way_back_gives_the_same_gradients(string name)
    {
        using var fixture = VisionFixture.Open(name);
        using var want = Gradients(fixture, fixture.Model, checkpointing: false);
        want.Of.Keys.ShouldContain(key => key.StartsWith("model.visual.", StringComparison.Ordinal));
        foreach (var (dtype, checkpointing) in new[] { (ScalarType.Float64, false), (ScalarType.Float64, true) })
        {
            // In double precision it is autograd's composite.
            using var other = Decoder.Load(fixture.Folder, dtype: dtype);
            using var got = Gradients(fixture, other, checkpointing);
            got.FarthestFrom(want).ShouldBeLessThan(1e-3, $"{dtype} {checkpointing}");
        }
    }

    [Theory]
    [MemberData(nameof(VisionFixture.Folders), MemberType = typeof(VisionFixture))]
    public async Task A_batch_is_the_same_however_it_is_cut_and_a_frozen_tower_stays(string name)
    {
        using var fixture = VisionFixture.Open(name);
        var images = new FixtureImages(fixture);
        var batch = Batch(fixture, images);
        var token = TestContext.Current.CancellationToken;
        using var whole = await Learner.StartAsync(fixture.Folder, Configuration(1, 100_000, TowerTraining.Trained), images, token);
        using var want = new GradientSet(await whole.GradientsAsync(batch, null, token));
        want.Of["model.visual.patch_embed.proj.weight"].norm().ToDouble().ShouldBeGreaterThan(0);
        foreach (var (threads, cut) in new[] { (1, 64), (2, 100_000), (2, 64) })
        {
            using var learner = await Learner.StartAsync(fixture.Folder, Configuration(threads, cut, TowerTraining.Trained), images, token);
            using var got = new GradientSet(await learner.GradientsAsync(batch, null, token));
            got.FarthestFrom(want).ShouldBeLessThan(1e-5, $"{threads} threads, {cut} tokens");
        }

        foreach (var tower in new[] { TowerTraining.Trained, TowerTraining.Frozen })
        {
            using var learner = await Learner.StartAsync(fixture.Folder, Configuration(1, 64, tower) with { Learner = new LearnerOptions { Threads = 1, LearningRate = 1e-3, Tower = tower } }, images, token);
            await learner.UpdateAsync(batch, token);
            var root = Directory.CreateTempSubdirectory("axpo-test-").FullName;
            try
            {
                var folder = Path.Combine(root, "checkpoint");
                await learner.SaveAsync(folder, token);
                using var saved = Decoder.Load(folder);
                var moved = fixture.Model.Parameters.Zip(saved.Parameters).Where(p => Fixtures.Difference(p.First.Value, p.Second.Value) > 0).Select(p => p.First.Name).ToArray();
                moved.ShouldContain("model.language_model.embed_tokens.weight");
                moved.Any(p => p.StartsWith("model.visual.", StringComparison.Ordinal)).ShouldBe(tower == TowerTraining.Trained);
            }
            finally
            {
                Directory.Delete(root, recursive: true);
            }
        }
    }

    [Theory]
    [MemberData(nameof(VisionFixture.Folders), MemberType = typeof(VisionFixture))]
    public async Task An_adapter_of_the_tower_is_trained_and_merged(string name)
    {
        using var fixture = VisionFixture.Open(name);
        var images = new FixtureImages(fixture);
        var token = TestContext.Current.CancellationToken;
        var configuration = Configuration(1, 64, TowerTraining.Trained) with
        {
            Learner = new LearnerOptions { Threads = 1, LearningRate = 1e-2, Lora = new LoraOptions { Rank = 2, Targets = "q_proj, qkv, attn.proj, linear_fc1, linear_fc2" } },
        };
        using var learner = await Learner.StartAsync(fixture.Folder, configuration, images, token);
        var batch = Batch(fixture, images);
        using (var gradients = new GradientSet(await learner.GradientsAsync(batch, null, token)))
        {
            // B begins at 0, so A has no gradient yet.
            gradients.Of["base_model.model.model.visual.blocks.0.attn.qkv.lora_B.weight"].norm().ToDouble().ShouldBeGreaterThan(0);
            gradients.Of.Keys.ShouldContain("base_model.model.model.language_model.layers.0.self_attn.q_proj.lora_A.weight");
            gradients.Of.Keys.ShouldNotContain(key => key.Contains("patch_embed", StringComparison.Ordinal));
        }

        await learner.UpdateAsync(batch, token);
        var root = Directory.CreateTempSubdirectory("axpo-test-").FullName;
        try
        {
            var folder = Path.Combine(root, "checkpoint");
            await learner.SaveAsync(folder, token);
            using var merged = Decoder.Load(folder);
            var at = fixture.Model.Parameters.Index().First(p => p.Item.Name == "model.visual.blocks.0.attn.qkv.weight").Index;
            Fixtures.Difference(merged.Parameters[at].Value, fixture.Model.Parameters[at].Value).ShouldBeGreaterThan(0);
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    [Theory]
    [MemberData(nameof(VisionFixture.Folders), MemberType = typeof(VisionFixture))]
    public void Sequences_that_differ_in_their_pictures_only_share_no_row_of_them(string name)
    {
        using var fixture = VisionFixture.Open(name);
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var images = new FixtureImages(fixture);
        var reader = new PictureReader(images, fixture.Processor, 1 << 20);
        var names = fixture.Pictures.GroupBy(p => reader.Tokens(images.Of(p))).FirstOrDefault(g => g.Count() > 1)?.Take(2).ToArray();
        names ??= [fixture.Pictures.First(), fixture.Pictures.First()];
        var keys = new PictureKeys();
        var (rows, columns) = reader.Tokens(images.Of(names[0]));
        int[] tokens = [7, fixture.Config.VisionStartToken, .. Enumerable.Repeat(fixture.Config.ImageToken, rows * columns), fixture.Config.VisionEndToken, 9];
        PlacedImage[][] placed = [.. names.Append(names[0]).Select(p => new[] { new PlacedImage(images.Of(p), 2, 2 + (rows * columns)) })];
        var pack = new PackedBatch([.. placed.Select(p => keys.Of(tokens, p))], CPU, shares: true, new PackPictures(placed, fixture.Config, reader));
        pack.Tokens.ShouldBe(names[0] == names[1] ? tokens.Length : (2 * tokens.Length) - 2);
        var alone = new PackedBatch([keys.Of(tokens, placed[0])], CPU, shares: true, new PackPictures([placed[0]], fixture.Config, reader));
        Fixtures.Difference(pack.Forward(fixture.Model)[pack.RowOf(2, tokens.Length - 1)], alone.Forward(fixture.Model)[^1]).ShouldBeLessThan(1e-5);
    }

    private static RunConfiguration Configuration(int threads, int cut, TowerTraining tower) =>
        new() { Learner = new LearnerOptions { Threads = threads, MicroBatchTokens = cut, Tower = tower }, Objective = new ObjectiveOptions { KlWeight = .1 } };

    private static GradientSet Gradients(VisionFixture fixture, Decoder model, bool checkpointing)
    {
        using var scope = NewDisposeScope();
        foreach (var (_, value) in model.Parameters)
        {
            value.requires_grad_(true);
        }

        var (pack, chosen) = Pack(fixture, "batch_right", shares: false);
        var pass = new PolicyPass(model, pack, chosen, 1.0, checkpointing: checkpointing);
        var loss = pass.LogProbs.mean().neg();
        loss.backward();
        pass.Backward();
        return new GradientSet((loss.ToDouble(), model.Parameters.ToDictionary(p => p.Name, p => p.Value.grad!.to(ScalarType.Float32).clone().DetachFromDisposeScope(), StringComparer.Ordinal)));
    }

    /// <summary>A batch of the fixture, and the tokens in it that carry loss.</summary>
    private static (PackedBatch Pack, Tensor Chosen) Pack(VisionFixture fixture, string side, bool shares)
    {
        var (images, keys) = (new FixtureImages(fixture), new PictureKeys());
        var (rows, wanted) = Rows(fixture, images, side);
        var pack = new PackedBatch(
            [.. rows.Select(r => keys.Of(r.Tokens, r.Images))], CPU, shares, new PackPictures([.. rows.Select(r => r.Images)], fixture.Config, new PictureReader(images, fixture.Processor, 1 << 20)));
        return (pack, tensor(wanted.SelectMany((tokens, i) => tokens.Select(t => (long)pack.RowOf(i, t))).ToArray()));
    }

    private static (List<(int[] Tokens, PlacedImage[] Images)> Rows, List<int[]> Wanted) Rows(VisionFixture fixture, FixtureImages images, string side)
    {
        var batch = new PaddedBatch(fixture.Cases, side);
        var mask = fixture.Cases["batch_right.loss_mask"];
        var left = new Queue<string>(fixture.Json["cases"]![side]!["images"]!.AsArray().Select(n => n!.GetValue<string>()));
        var (rows, wanted) = (new List<(int[], PlacedImage[])>(), new List<int[]>());
        foreach (var (row, start, begin, length) in batch.Rows)
        {
            var ids = ModelParityTests.Longs(batch.Ids.narrow(0, begin, length));
            rows.Add(([.. ids.Select(i => (int)i)], fixture.Placed(ids, left, images.Of)));
            wanted.Add([.. ModelParityTests.Longs(mask[row].narrow(0, start, length)).Index().Where(m => m.Item != 0).Select(m => m.Index)]);
        }

        return (rows, wanted);
    }

    private static UpdateBatch Batch(VisionFixture fixture, FixtureImages images)
    {
        var (rows, wanted) = Rows(fixture, images, "batch_right");
        return new UpdateBatch("b", 1, 1, 2 * rows.Count, [.. Enumerable.Range(0, 2 * rows.Count).Select(i =>
        {
            var (tokens, placed) = rows[i / 2];
            bool[] loss = [.. tokens.Select((_, t) => wanted[i / 2].Contains(t))];
            return new TrainSequence
            {
                Id = new EpisodeId("r", Phase.Train, 1, 0, i),
                Question = 0,
                Tokens = tokens,
                IsLoss = loss,
                Weight = .5 / rows.Count,
                Advantages = [.. loss.Select(l => l ? 1.0 - (.3 * i) : 0)],
                BehaviorLogProbs = [.. loss.Select(l => l ? -3f : float.NaN)],
                Images = placed,
            };
        })]);
    }
}
