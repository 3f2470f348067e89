using Axpo.Environments.Images;
using Axpo.Environments.Suites;
using Axpo.Environments.Suites.Pictures;

namespace Axpo.Environments.Tests.Images;

public sealed class QuestionImagesTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly QuestionImages _images = new([new FactSuite(), new FindDigitSuite(), new SumDigitsSuite()]);

    [Fact]
    public async Task A_full_path_gives_the_bytes_of_the_file()
    {
        var path = _folder.Picture("a.png");
        (await Read(path)).ToArray().ShouldBe(await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_drawing_is_drawn_by_its_suite() =>
        (await Read("suite:find-digit/1-train-1-0000000000000007")).ToArray().ShouldBe(new FindDigitSuite().Render("1-train-1-0000000000000007").ToArray());

    [Theory]
    [InlineData("suite:fact/1", "there is no suite 'fact' that draws; those that do are find-digit, sum-digits")]
    [InlineData("suite:find-digit", "should be suite:NAME/DRAWING")]
    [InlineData("suite:find-digit/", "has no drawing ''")]
    [InlineData("suite:find-digit/2-train-1-0000000000000007", "has no drawing '2-train-1-0000000000000007'")]
    [InlineData("suite:find-digit/1-train-4-0000000000000007", "its horizon should be 0 to 3")]
    [InlineData("suite:find-digit/1-train-1-000000000000000G", "has no drawing")]
    [InlineData("suite:find-digit/1-train-1-7", "has no drawing")]
    [InlineData("suite:find-digit/1-0-1-0000000000000007", "has no drawing")]
    [InlineData("a.png", "should be a full path or suite:NAME/DRAWING")]
    public async Task What_nobody_draws_is_refused(string source, string message) =>
        (await Should.ThrowAsync<InvalidDataException>(async () => await Read(source))).Message.ShouldContain(message);

    [Fact]
    public async Task Files_that_cannot_be_read_are_told()
    {
        await Should.ThrowAsync<IOException>(async () => await Read(_folder.File("none.png")));
        await File.WriteAllBytesAsync(_folder.File("empty.png"), [], TestContext.Current.CancellationToken);
        (await Should.ThrowAsync<IOException>(async () => await Read(_folder.File("empty.png")))).Message.ShouldContain("it is empty, or no plain file");
        await using (var large = File.Create(_folder.File("large.png")))
        {
            large.SetLength((32L << 20) + 1);
        }

        (await Should.ThrowAsync<IOException>(async () => await Read(_folder.File("large.png")))).Message.ShouldContain("at most 33554432 are read");
    }

    public void Dispose() => _folder.Dispose();

    private ValueTask<ReadOnlyMemory<byte>> Read(string source) => _images.ReadAsync(source, TestContext.Current.CancellationToken);
}
