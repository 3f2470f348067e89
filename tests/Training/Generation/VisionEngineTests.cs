using Axpo.Core;
using Axpo.Training.Devices;
using Axpo.Training.Generation;
using Axpo.Training.Tests.Models;
using Axpo.Training.Tests.Models.Vision;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Xunit;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Generation;

/// <summary>The engine's incremental paths with pictures, against transformers' greedy continuations and log-probs; and that a picture is seen once.</summary>
[Trait("Category", "Parity")]
[Trait("Family", "models")]
public sealed class VisionEngineTests
{
    public static TheoryData<string, bool, bool> Engines
    {
        get
        {
            var data = new TheoryData<string, bool, bool>();
            foreach (var folder in VisionFixture.Folders)
            {
                foreach (var (onTensors, deterministic) in new[] { (false, false), (false, true), (true, false) })
                {
                    data.Add(folder, onTensors, deterministic);
                }
            }

            return data;
        }
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task Greedy_tokens_log_probs_and_forks(string name, bool onTensors, bool deterministic)
    {
        using var fixture = VisionFixture.Open(name);
        var images = new FixtureImages(fixture);
        await using var engine = await StartAsync(fixture, images, onTensors, new EngineOptions { KvMebibytes = 64, Workers = 2, Deterministic = deterministic });
        await Task.WhenAll(fixture.Rows.Select(async row =>
        {
            var (prompt, greedy, logProbs) = Case(fixture, row);
            var placed = images.In(row, prompt);
            var sampled = await GenerateAsync(engine, ParityRequest.New($"greedy/{row}", prompt, greedy.Length) with { Sampling = new SamplingOptions { Temperature = 0 }, Images = placed });
            sampled.Tokens.ShouldBe(greedy, row);
            var forced = await GenerateAsync(engine, ParityRequest.New($"forced/{row}", prompt, greedy.Length) with { Forced = greedy, Images = placed });
            Near(forced.LogProbs, logProbs, row);

            // Forks in the middle of the continuation, and in the middle of the prompt, pictures before and behind.
            var half = greedy.Length / 2;
            var fork = await GenerateAsync(engine, ParityRequest.New($"fork/{row}", [], greedy.Length - half) with { ForkOf = $"forced/{row}", Offset = prompt.Length + half, Forced = greedy[half..] });
            Near(fork.LogProbs, logProbs[half..], row);
            fork.PrefilledTokens.ShouldBe(0, row);
            var boundary = placed.Length == 0 ? prompt.Length / 2 : placed[^1].Start;
            var early = await GenerateAsync(engine, ParityRequest.New($"early/{row}", prompt[boundary..], greedy.Length) with
            {
                ForkOf = $"forced/{row}",
                Offset = boundary,
                Forced = greedy,
                Images = placed.Length == 0 ? [] : [placed[^1]],
            });
            Near(early.LogProbs, logProbs, row);
        }));

        // Each picture once, however many sequences looked at it.
        var used = fixture.Rows.SelectMany(row => images.In(row, Case(fixture, row).Prompt)).Select(i => i.Image.Sha256).Distinct().Count();
        engine.Status.EncodedImages.ShouldBe(used);
        images.Reads.ShouldBeGreaterThanOrEqualTo(used);
        engine.Status.ImageBytes.ShouldBeGreaterThan(0);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task A_picture_may_come_in_the_middle_of_an_episode(string name, bool onTensors, bool deterministic)
    {
        using var fixture = VisionFixture.Open(name);
        var images = new FixtureImages(fixture);
        await using var engine = await StartAsync(fixture, images, onTensors, new EngineOptions { KvMebibytes = 64, Workers = 1, Deterministic = deterministic });
        var rows = fixture.Rows.Where(r => fixture.Json["cases"]![r]!["generated"] is not null).ToArray();
        rows.ShouldNotBeEmpty();
        foreach (var row in rows)
        {
            var (all, greedy, logProbs) = Case(fixture, row);
            var placed = images.In(row, all);
            placed.Length.ShouldBeGreaterThan(1);
            var (prompt, generated) = (fixture.Json["cases"]![row]!["prompt_length"]!.GetValue<int>(), fixture.Json["cases"]![row]!["generated"]!.GetValue<int>());
            var second = prompt + generated;
            await GenerateAsync(engine, ParityRequest.New(row, all[..prompt], generated) with { Forced = all[prompt..second], Images = [.. placed.Where(p => p.End <= prompt)] });
            var next = await GenerateAsync(engine, ParityRequest.New(row, all[second..], greedy.Length) with { Offset = second, Images = [.. placed.Where(p => p.Start >= second)], Forced = greedy });
            Near(next.LogProbs, logProbs, row);
            next.PrefilledTokens.ShouldBe(all.Length - second);
            var fork = await GenerateAsync(engine, ParityRequest.New(row + "/fork", [], greedy.Length) with { ForkOf = row, Offset = all.Length, Forced = greedy });
            Near(fork.LogProbs, logProbs, row);
        }
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task Chunks_evictions_and_small_budgets_change_nothing(string name, bool onTensors, bool deterministic)
    {
        using var fixture = VisionFixture.Open(name);
        var images = new FixtureImages(fixture);
        await using var engine = await StartAsync(fixture, images, onTensors, new EngineOptions { KvMebibytes = 64, Workers = 1, ImageMebibytes = 1, Deterministic = deterministic });
        foreach (var row in fixture.Rows)
        {
            var (prompt, greedy, logProbs) = Case(fixture, row);
            var placed = images.In(row, prompt);
            var first = await GenerateAsync(engine, ParityRequest.New(row, prompt, greedy.Length) with { Forced = greedy, Images = placed });
            Near(first.LogProbs, logProbs, row);
            var evicted = false;
            engine.Loop.BeforeStep = _ => evicted = true;
            engine.Loop.AfterToken = (_, _) => engine.Loop.EvictIdle();
            await GenerateAsync(engine, ParityRequest.New("other", [1, 2, 3], 2));
            engine.Loop.AfterToken = null;
            evicted.ShouldBeTrue();
            var again = await GenerateAsync(engine, ParityRequest.New(row + "/fork", [], greedy.Length) with { ForkOf = row, Offset = prompt.Length, Forced = greedy, Chance = ChanceKey.Root(1).With(row) });
            again.PrefilledTokens.ShouldBeGreaterThan(0, row);
            Near(again.LogProbs, logProbs, row);
            if (deterministic)
            {
                again.LogProbs.ShouldBe(first.LogProbs, row);
            }
        }
    }

    [Theory]
    [MemberData(nameof(VisionFixture.Folders), MemberType = typeof(VisionFixture))]
    public async Task A_group_shares_its_prompt_only_where_the_pictures_are_the_same(string name)
    {
        using var fixture = VisionFixture.Open(name);
        var images = new FixtureImages(fixture);
        await using var engine = await StartAsync(fixture, images, onTensors: false, new EngineOptions { KvMebibytes = 64, Workers = 1 });
        var row = fixture.Rows.First(r => fixture.PicturesOf(r).Length == 1);
        var (prompt, greedy, _) = Case(fixture, row);
        var placed = images.In(row, prompt);
        var request = ParityRequest.New("g/0", prompt, greedy.Length) with { Group = "g", Forced = greedy, Images = placed };
        await GenerateAsync(engine, request);
        (await GenerateAsync(engine, request with { Session = "g/1" })).PrefilledTokens.ShouldBeLessThan(2);
        var other = fixture.Pictures.Select(images.Of).FirstOrDefault(i => i.Sha256 != placed[0].Image.Sha256 && (i.Width, i.Height) == (placed[0].Image.Width, placed[0].Image.Height));
        // The same tokens, another picture: all behind its start is computed.
        if (other is not null)
        {
            (await GenerateAsync(engine, request with { Session = "g/2", Images = [placed[0] with { Image = other }] })).PrefilledTokens.ShouldBe(prompt.Length - placed[0].Start);
        }

        engine.Status.EncodedImages.ShouldBe(other is null ? 1 : 2);
    }

    [Theory]
    [MemberData(nameof(VisionFixture.Folders), MemberType = typeof(VisionFixture))]
    public async Task An_image_that_is_gone_ends_its_own_sequence_and_no_other(string name)
    {
        using var fixture = VisionFixture.Open(name);
        var images = new FixtureImages(fixture);
        // Without room for patches an image is read when it is asked for, and once more when the tower needs it.
        await using var engine = await StartAsync(fixture, images, onTensors: false, new EngineOptions { KvMebibytes = 64, Workers = 1, ImageMebibytes = 0 });
        var row = fixture.Rows.First(r => fixture.PicturesOf(r).Length == 1);
        var (prompt, greedy, logProbs) = Case(fixture, row);
        var seeing = ParityRequest.New("seeing", prompt, greedy.Length) with { Forced = greedy, Images = images.In(row, prompt) };
        images.BeforeRead = () =>
        {
            if (images.Reads > 1)
            {
                throw new IOException("the disk is away");
            }
        };
        using var asked = new ManualResetEventSlim();
        engine.Loop.BeforeStep = _ => asked.Wait(Token);
        var reading = engine.GenerateAsync(ParityRequest.New("reading", [1, 2, 3], 200), Token);
        var gone = engine.GenerateAsync(seeing, Token);
        asked.Set();
        var result = await gone;
        (result.Status, result.Error!.Contains("the disk is away", StringComparison.Ordinal)).ShouldBe((GenerateStatus.Fault, true));
        (await reading).Status.ShouldBe(GenerateStatus.Done);
        images.BeforeRead = null;
        Near((await GenerateAsync(engine, seeing)).LogProbs, logProbs, row);
        engine.Status.Healthy.ShouldBeTrue();
    }

    [Theory]
    [MemberData(nameof(VisionFixture.Folders), MemberType = typeof(VisionFixture))]
    public async Task Requests_that_cannot_mean_anything_and_files_that_cannot_be_read(string name)
    {
        using var fixture = VisionFixture.Open(name);
        var images = new FixtureImages(fixture);
        await using var engine = await StartAsync(fixture, images, onTensors: false, new EngineOptions { KvMebibytes = 64, Workers = 1 });
        var row = fixture.Rows.First(r => fixture.PicturesOf(r).Length == 1);
        var (prompt, greedy, logProbs) = Case(fixture, row);
        var image = images.In(row, prompt)[0];
        var request = ParityRequest.New("s", prompt, greedy.Length) with { Forced = greedy };
        foreach (var (wrong, named) in new (PlacedImage[], string)[]
        {
            ([image with { End = image.End - 1 }], "is"),
            ([image.Shift(1)], "which are not all"),
            ([image.Shift(prompt.Length)], "inside of Tokens"),
            ([image, image], "behind the one before it"),
        })
        {
            (await Should.ThrowAsync<ArgumentException>(() => engine.GenerateAsync(request with { Images = wrong }, Token))).Message.ShouldContain(named);
        }

        images.BeforeRead = () => throw new IOException("the disk is away");
        var failed = await engine.GenerateAsync(request with { Images = [image] }, Token);
        (failed.Status, failed.Error!.Contains("the disk is away", StringComparison.Ordinal)).ShouldBe((GenerateStatus.Fault, true));
        images.BeforeRead = null;
        engine.Status.QueuedSequences.ShouldBe(0);
        Near((await GenerateAsync(engine, request with { Images = [image] })).LogProbs, logProbs, row);
    }

    private static Task<PolicyEngine> StartAsync(VisionFixture fixture, IImageStore images, bool onTensors, EngineOptions options) =>
        PolicyEngine.StartAsync(fixture.Folder, options, ComputeDevice.Cpu, onTensors, TimeProvider.System, NullLogger<PolicyEngine>.Instance, layouts: null, images, Token);

    private static async Task<GenerateResult> GenerateAsync(PolicyEngine engine, GenerateRequest request)
    {
        var result = await engine.GenerateAsync(request, Token);
        result.Status.ShouldBe(GenerateStatus.Done, result.Error);
        return result;
    }

    private static (int[] Prompt, int[] Greedy, float[] LogProbs) Case(VisionFixture fixture, string row) =>
        (Ints(fixture, row + ".input_ids"), Ints(fixture, row + ".greedy"), fixture.Cases[row + ".greedy_logprobs"].flatten().data<float>().ToArray());

    private static int[] Ints(VisionFixture fixture, string what) => [.. ModelParityTests.Longs(fixture.Cases[what]).Select(i => (int)i)];

    private static void Near(float[] got, float[] want, string row)
    {
        got.Length.ShouldBe(want.Length, row);
        foreach (var (a, b) in got.Zip(want))
        {
            a.ShouldBe(b, 1e-4f, row);
        }
    }
}
