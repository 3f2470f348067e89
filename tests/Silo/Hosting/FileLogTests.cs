using Axpo.Silo.Hosting;
using Microsoft.Extensions.Logging;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Hosting;

public sealed class FileLogTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task What_was_logged_is_in_the_file_once_it_is_closed()
    {
        var path = Path.Combine(_folder.Path, "axpo.log");
        for (var i = 0; i < 2; i++)
        {
            await using var log = new FileLog(path, TimeProvider.System);
            log.CreateLogger("Part").Log(LogLevel.Warning, 0, i, null, (n, _) => $"entry {n}");
        }

        var lines = await File.ReadAllLinesAsync(path, TestContext.Current.CancellationToken);
        lines.Select(l => l[(l.IndexOf('Z', StringComparison.Ordinal) + 1)..]).ShouldBe([" Warning Part: entry 0", " Warning Part: entry 1"]);
    }

    [Fact]
    public void A_file_that_cannot_be_opened_is_told_at_once() => Should.Throw<UnauthorizedAccessException>(() => new FileLog(_folder.Path, TimeProvider.System));

    [Fact]
    public async Task A_full_disk_does_not_end_the_work()
    {
        var log = new FileLog("/dev/full", TimeProvider.System);
        log.CreateLogger("Part").Log(LogLevel.Warning, 0, 1, null, (n, _) => $"entry {n}");
        await log.DisposeAsync();
    }
}
