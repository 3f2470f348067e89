using Axpo.Core;
using Axpo.Imaging;
using Axpo.Silo.Reports;
using Axpo.Silo.Storage;
using Axpo.Silo.Tests.Storage;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Reports;

public sealed class ReportPicturesTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly FileImageStore _store;

    public ReportPicturesTests() => _store = new FileImageStore(new RunFolders(_folder.Path));

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(512, 512, 256, 256)]
    [InlineData(1000, 250, 256, 64)]
    [InlineData(30, 600, 13, 256)]
    [InlineData(4000, 1, 256, 1)]
    [InlineData(24, 7, 24, 7)]
    public void A_picture_has_at_most_256_pixels_a_side_and_keeps_its_shape(int width, int height, int ofWidth, int ofHeight)
    {
        var picture = ReportPicture.Of(ImageFiles.Png(width, height, 90));
        (picture.Width, picture.Height).ShouldBe((ofWidth, ofHeight));
        var decoded = PictureDecoder.Decode(picture.Png.Span);
        (decoded.Width, decoded.Height).ShouldBe((ofWidth, ofHeight));
        decoded.Rgb.ToArray().ShouldAllBe(v => v == 90);
    }

    [Fact]
    public void It_stands_upright() => ReportPicture.Of(ImageFiles.SidewaysJpeg(40, 16)).Width.ShouldBe(16);

    [Fact]
    public async Task A_page_holds_a_number_of_them_those_of_questions_first_and_says_how_many_are_left_out()
    {
        var images = await StoreAsync(6);
        var notes = new List<string>();
        var made = await new ReportPictures(_store, most: 3).MakeAsync([Group([images[0]], [images[0], images[1]], [images[0], images[2]]), Group([images[3]], [images[3], images[4], images[5]])], notes, Token);
        made.Keys.ShouldBe([images[0].Sha256, images[3].Sha256, images[1].Sha256], ignoreOrder: true);
        notes.ShouldHaveSingleItem().ShouldBe("3 images of the trajectories are not shown: a page holds 3 images and 3,072 KiB of them.");
    }

    [Fact]
    public async Task A_page_holds_a_number_of_bytes()
    {
        var images = await StoreAsync(3);
        var notes = new List<string>();
        var size = ReportPicture.Of((await _store.ReadAsync(images[0], Token)).Span).Png.Length;
        var made = await new ReportPictures(_store, mostBytes: size).MakeAsync([Group([], images)], notes, Token);
        made.Keys.ShouldBe([images[0].Sha256]);
        notes.ShouldHaveSingleItem().ShouldStartWith("2 images of the trajectories are not shown");
    }

    [Fact]
    public async Task What_cannot_be_read_is_named_and_takes_no_ones_place()
    {
        var images = await StoreAsync(3);
        File.Delete(Path.Combine(_folder.Path, images[0].Uri));
        await File.WriteAllTextAsync(Path.Combine(_folder.Path, images[1].Uri), "changed", Token);
        ImageRef elsewhere = new("../../etc/passwd", new string('0', 64), 1, 1);
        var notes = new List<string>();
        var made = await new ReportPictures(_store, most: 1).MakeAsync([Group([], [images[0], images[1], elsewhere, images[2]])], notes, Token);
        made.Keys.ShouldBe([images[2].Sha256]);
        notes.ShouldHaveSingleItem().ShouldStartWith($"3 images of the trajectories could not be read, the first of them {images[0].Uri}.");
    }

    [Fact]
    public async Task Groups_without_text_and_rollouts_without_a_card_need_none()
    {
        var images = await StoreAsync(2);
        var notes = new List<string>();
        var group = Group([], [.. Enumerable.Repeat<ImageRef[]>([], 8), images]);
        (await new ReportPictures(_store).MakeAsync([group, group with { Images = images, Rollouts = [group.Rollouts[0] with { Pieces = [] }] }], notes, Token)).ShouldBeEmpty();
        notes.ShouldBeEmpty();
    }

    public void Dispose() => _folder.Dispose();

    private async Task<ImageRef[]> StoreAsync(int count) => [.. await Task.WhenAll(Enumerable.Range(0, count).Select(i => _store.PutAsync("r", ImageFiles.Png(32, 32, (byte)(i + 1)), Token).AsTask()))];

    private static ReportGroup Group(ImageRef[] question, params ImageRef[][] rollouts) => new()
    {
        Phase = Phase.Train,
        Step = 1,
        Question = 0,
        Suite = "s",
        Images = question,
        Rollouts = [.. rollouts.Select((images, i) => new ReportRollout { Index = i, Outcome = Outcome.Wrong, Images = images, Pieces = [new ReportPiece(SegmentKind.Answer, PieceRole.Own, "7")] })],
    };
}
