using Axpo.Imaging;
using Axpo.Training.Models;
using Axpo.Training.Models.Vision;
using Axpo.Training.Safetensors;
using Shouldly;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Models.Vision;

/// <summary>Every model folder of the fixtures that takes pictures, against transformers' own numbers (tolerances: the fixtures' README).</summary>
[Trait("Category", "Parity")]
[Trait("Family", "models")]
public sealed class VisionParityTests
{
    public static TheoryData<string> Folders => VisionFixture.Folders;

    [Theory]
    [MemberData(nameof(Folders))]
    public void The_tower_block_by_block(string name)
    {
        using var fixture = VisionFixture.Open(name);
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        foreach (var picture in fixture.Pictures)
        {
            var patches = fixture.Cases[$"image.{picture}.pixel_values"];
            var compared = 0;
            var seen = fixture.Model.Tower!.Forward(patches, [fixture.Patches(picture).Grid], (what, value) =>
            {
                if (fixture.Cases.TryGetValue($"image.{picture}.{what}", out var want))
                {
                    Fixtures.Difference(value, want).ShouldBeLessThan(1e-4, $"{picture} {what}");
                    compared++;
                }
            });
            compared.ShouldBe(fixture.Cases.Keys.Count(k => k == $"image.{picture}.pos_embed" || k == $"image.{picture}.patch_embed" || k.StartsWith($"image.{picture}.block.", StringComparison.Ordinal)), picture);
            compared.ShouldBeGreaterThan(0);
            ShouldBeSeen(fixture, picture, seen, 0);
        }
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void Pictures_of_one_pass_do_not_see_each_other(string name)
    {
        using var fixture = VisionFixture.Open(name);
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        // Each one twice in a row, and all once more: equal neighbours share a call.
        string[] order = [.. fixture.Pictures.SelectMany(p => new[] { p, p }), .. fixture.Pictures];
        var seen = fixture.Model.Tower!.Encode([.. order.Select(fixture.Patches)]);
        var at = 0L;
        foreach (var picture in order)
        {
            ShouldBeSeen(fixture, picture, seen, at);
            at += fixture.Cases[$"image.{picture}.features"].shape[0];
        }

        seen.Tokens.shape[0].ShouldBe(at);
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void Positions_and_deltas_are_exact(string name)
    {
        using var fixture = VisionFixture.Open(name);
        using var scope = NewDisposeScope();
        foreach (var row in fixture.Rows)
        {
            var ids = Ids(fixture, row);
            var positions = Positions(fixture, row);
            var want = fixture.Cases[row + ".position_ids"];
            ModelParityTests.Longs(positions.ToTensor(ids.Length, CPU)).ShouldBe(ModelParityTests.Longs(want), row);
            positions.Delta(ids.Length).ShouldBe(fixture.Cases[row + ".rope_deltas"].item<long>(), row);
        }

        foreach (var side in new[] { "batch_right", "batch_left" })
        {
            var mask = fixture.Cases[side + ".attention_mask"];
            var rows = fixture.Json["cases"]![side]!["rows"]!.AsArray().Select(r => r!.GetValue<string>()).ToArray();
            for (var row = 0; row < rows.Length; row++)
            {
                var kept = ModelParityTests.Longs(mask[row]);
                var positions = Positions(fixture, rows[row]);
                var length = Ids(fixture, rows[row]).Length;
                var want = fixture.Cases[side + ".position_ids"].select(1, row).narrow(1, Array.IndexOf(kept, 1L), kept.Sum());
                ModelParityTests.Longs(positions.ToTensor(length, CPU)).ShouldBe(ModelParityTests.Longs(want), side);
                positions.Delta(length).ShouldBe(ModelParityTests.Longs(fixture.Cases[side + ".rope_deltas"])[row], side);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void Hidden_states_and_rope_tables(string name)
    {
        using var fixture = VisionFixture.Open(name);
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var row = fixture.Json["debug_case"]!.GetValue<string>();
        var (ids, pictures) = (Ids(fixture, row), fixture.PicturesOf(row));
        var compared = 0;
        var norm = fixture.Forward([ids], pictures, (layer, value) =>
        {
            var what = layer == 0 ? "in.0" : $"layer.{layer - 1}";
            Fixtures.Difference(value, fixture.Cases["hidden." + what]).ShouldBeLessThan(1e-4, what);
            compared++;
        });
        compared.ShouldBe(fixture.Model.Config.Layers + 1);
        Fixtures.Difference(norm, fixture.Cases["hidden.norm"]).ShouldBeLessThan(1e-4);

        Fixtures.Difference(Rope.InverseFrequencies(fixture.Model.Config), fixture.Cases["rope.inv_freq"]).ShouldBeLessThan(1e-5);
        var (cos, sin) = fixture.Model.Rotation(fixture.Cases[row + ".position_ids"].squeeze(1));
        Fixtures.Difference(cos.squeeze(1), fixture.Cases["rope.cos"]).ShouldBeLessThan(1e-5);
        Fixtures.Difference(sin.squeeze(1), fixture.Cases["rope.sin"]).ShouldBeLessThan(1e-5);
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void Logits_log_probs_and_greedy_continuations(string name)
    {
        using var fixture = VisionFixture.Open(name);
        using var guard = no_grad();
        foreach (var row in fixture.Rows)
        {
            using var scope = NewDisposeScope();
            var (ids, pictures) = (Ids(fixture, row), fixture.PicturesOf(row));
            var features = pictures.Length == 0 ? null : fixture.Model.Tower!.Encode(pictures);
            Tensor Logits(long[] tokens) => fixture.Model.Logits(fixture.Forward([tokens], pictures, features));

            var logits = Logits(ids);
            Fixtures.Difference(logits, fixture.Cases[row + ".logits"]).ShouldBeLessThan(1e-4, row);
            Fixtures.Difference(ModelParityTests.LogProbs(logits, tensor(ids)), fixture.Cases[row + ".logprobs"]).ShouldBeLessThan(1e-4, row);
            var tokens = ids.ToList();
            foreach (var want in ModelParityTests.Longs(fixture.Cases[row + ".greedy"]))
            {
                tokens.Add(Logits([.. tokens])[^1].argmax().ToInt64());
                tokens[^1].ShouldBe(want, row);
            }

            var all = tokens.ToArray();
            var logProbs = ModelParityTests.LogProbs(Logits(all), tensor(all)).narrow(0, ids.Length - 1, all.Length - ids.Length);
            Fixtures.Difference(logProbs, fixture.Cases[row + ".greedy_logprobs"]).ShouldBeLessThan(1e-4, row);
        }
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void With_and_without_autograd_the_logits_are_the_same(string name)
    {
        using var fixture = VisionFixture.Open(name);
        foreach (var row in fixture.Rows)
        {
            using var scope = NewDisposeScope();
            using var through = fixture.Logits(Ids(fixture, row), fixture.PicturesOf(row));
            Fixtures.Difference(through, fixture.Cases[row + ".logits"]).ShouldBeLessThan(1e-4, row);
        }
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void Text_alone_is_the_decoders_own_path(string name)
    {
        using var fixture = VisionFixture.Open(name);
        using var guard = no_grad();
        foreach (var row in fixture.Rows.Where(r => fixture.PicturesOf(r).Length == 0))
        {
            using var scope = NewDisposeScope();
            var ids = Ids(fixture, row);
            var model = fixture.Model;
            var hidden = model.Forward(tensor(ids), arange(ids.Length, ScalarType.Int64), CausalAttention.Packed([ids.Length], model.Config));
            Fixtures.Difference(fixture.Forward([ids], []), hidden).ShouldBe(0, row);
        }
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void Bfloat16_is_near(string name)
    {
        using var fixture = VisionFixture.Open(name);
        using var low = Decoder.Load(fixture.Folder, dtype: ScalarType.BFloat16);
        using var guard = no_grad();
        foreach (var row in fixture.Rows)
        {
            using var scope = NewDisposeScope();
            var (ids, pictures) = (Ids(fixture, row), fixture.PicturesOf(row));
            var features = pictures.Length == 0 ? null : low.Tower!.Encode(pictures);
            (int, VisionFeatures, int)[] rows = [.. ids.Index().Where(t => t.Item == fixture.Config.ImageToken).Select((t, i) => (t.Index, features!, i))];
            var hidden = low.Forward(tensor(ids), Positions(fixture, row).ToTensor(ids.Length, CPU), CausalAttention.Packed([ids.Length], low.Config), pictures: PictureRows.Of(rows, CPU));
            hidden.dtype.ShouldBe(ScalarType.BFloat16);
            // Rounding moves logits by about a tenth (the fixtures' README).
            Fixtures.Difference(low.Logits(hidden), fixture.Cases[row + ".logits"]).ShouldBeLessThan(.5, row);
        }
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void A_preprocessor_for_another_tower_is_refused(string name)
    {
        using var fixture = VisionFixture.Open(name);
        var folder = Directory.CreateTempSubdirectory("axpo-test-").FullName;
        try
        {
            foreach (var field in new[] { "patch_size", "temporal_patch_size", "merge_size" })
            {
                var json = Fixtures.Json(Path.Combine(fixture.Folder, "preprocessor_config.json"));
                json[field] = json[field]!.GetValue<int>() + 1;
                File.WriteAllText(Path.Combine(folder, "preprocessor_config.json"), json.ToJsonString());
                Should.Throw<InvalidDataException>(() => PictureProcessors.Read(folder, fixture.Config.Tower)).Message.ShouldContain(field);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void Padded_batches_equal_our_packed_sequences(string name)
    {
        using var fixture = VisionFixture.Open(name);
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        foreach (var side in new[] { "batch_right", "batch_left" })
        {
            var batch = new PaddedBatch(fixture.Cases, side);
            var logits = fixture.Model.Logits(fixture.Forward(Sequences(batch), fixture.PicturesOf(side)));
            foreach (var (row, start, begin, length) in batch.Rows)
            {
                Fixtures.Difference(logits.narrow(0, begin, length), fixture.Cases[side + ".logits"][row].narrow(0, start, length)).ShouldBeLessThan(1e-4, side);
                var got = ModelParityTests.LogProbs(logits.narrow(0, begin, length), batch.Ids.narrow(0, begin, length));
                Fixtures.Difference(got, fixture.Cases[side + ".logprobs"][row].narrow(0, start, length - 1)).ShouldBeLessThan(1e-4, side);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void Gradients_of_tower_and_decoder_and_one_AdamW_step(string name)
    {
        using var fixture = VisionFixture.Open(name);
        var batch = new PaddedBatch(fixture.Cases, "batch_right");
        var pictures = fixture.PicturesOf("batch_right");
        fixture.Model.Parameters.Select(p => p.Name).Order(StringComparer.Ordinal)
            .ShouldBe(fixture.Json["training"]!["grad_norms"]!.AsObject().Select(p => p.Key).Order(StringComparer.Ordinal));
        TrainingNumbers.ShouldBeMetBy(
            fixture.Model.Parameters, () => (batch.Nll(fixture.Model.Logits(fixture.Forward(Sequences(batch), pictures)), out var tokens), tokens), fixture.Cases, fixture.Json["training"]!.AsObject());
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void A_saved_folder_is_read_back_and_saved_again_to_the_byte(string name)
    {
        using var fixture = VisionFixture.Open(name);
        var root = Directory.CreateTempSubdirectory("axpo-test-").FullName;
        try
        {
            var (first, second) = (Path.Combine(root, "first"), Path.Combine(root, "second"));
            fixture.Model.Save(first);
            using var again = Decoder.Load(first);
            foreach (var ((wantName, want), (gotName, got)) in fixture.Model.Parameters.Zip(again.Parameters))
            {
                gotName.ShouldBe(wantName);
                Fixtures.Difference(got, want).ShouldBe(0, wantName);
            }

            again.Save(second);
            foreach (var file in Directory.EnumerateFiles(first).Select(f => Path.GetFileName(f)))
            {
                File.ReadAllBytes(Path.Combine(second, file)).ShouldBe(File.ReadAllBytes(Path.Combine(first, file)), file);
            }

            var original = ModelWeights.Files(fixture.Folder).SelectMany(f => SafetensorsFile.ReadHeader(f)).ToDictionary(e => e.Key, e => e.Value.Shape);
            var saved = SafetensorsFile.ReadHeader(Path.Combine(first, ModelWeights.FileName)).ToDictionary(e => e.Key, e => e.Value.Shape);
            saved.Keys.Order(StringComparer.Ordinal).ShouldBe(original.Keys.Order(StringComparer.Ordinal));
            foreach (var (parameter, shape) in saved)
            {
                shape.ShouldBe(original[parameter], parameter);
            }

            Should.Throw<IOException>(() => fixture.Model.Save(first)).Message.ShouldContain("never overwritten");
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    private static void ShouldBeSeen(VisionFixture fixture, string picture, VisionFeatures seen, long at)
    {
        var features = fixture.Cases[$"image.{picture}.features"];
        Fixtures.Difference(seen.Tokens.narrow(0, at, features.shape[0]), features).ShouldBeLessThan(1e-4, picture);
        seen.Deepstack.Count.ShouldBe(fixture.Config.Tower.DeepstackLayers.Count);
        for (var i = 0; i < seen.Deepstack.Count; i++)
        {
            Fixtures.Difference(seen.Deepstack[i].narrow(0, at, features.shape[0]), fixture.Cases[$"image.{picture}.deepstack.{i}"]).ShouldBeLessThan(1e-4, $"{picture} {i}");
        }
    }

    private static TokenPositions Positions(VisionFixture fixture, string row) => fixture.Positions(Ids(fixture, row), new Queue<PatchGrid>(fixture.PicturesOf(row).Select(p => p.Grid)));

    private static long[] Ids(VisionFixture fixture, string row) => ModelParityTests.Longs(fixture.Cases[row + ".input_ids"]);

    private static long[][] Sequences(PaddedBatch batch) => [.. batch.Rows.Select(r => ModelParityTests.Longs(batch.Ids.narrow(0, r.Begin, r.Length)))];
}
