using Axpo.Training.Devices;
using Shouldly;
using Xunit;

namespace Axpo.Training.Tests.Devices;

public sealed class ProcessorCacheTests
{
    [Fact]
    public void The_last_level_of_the_processors_cache_is_read_as_Linux_tells_it()
    {
        var folder = Directory.CreateTempSubdirectory("axpo-cache-").FullName;
        try
        {
            ProcessorCache.Read(folder).ShouldBe(0);
            foreach (var (index, level, size) in new[] { (0, "1", "32K"), (1, "1", "32K"), (2, "2", "1024K"), (3, "3", "32768K") })
            {
                var cache = Directory.CreateDirectory(Path.Combine(folder, $"index{index}")).FullName;
                File.WriteAllText(Path.Combine(cache, "level"), level + "\n");
                File.WriteAllText(Path.Combine(cache, "size"), size + "\n");
            }

            ProcessorCache.Read(folder).ShouldBe(32L << 20);
            ProcessorCache.Read(Path.Combine(folder, "none")).ShouldBe(0);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
