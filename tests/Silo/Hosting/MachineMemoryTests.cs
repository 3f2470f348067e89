using Axpo.Silo.Hosting;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Hosting;

public sealed class MachineMemoryTests : IDisposable
{
    private const long MiB = 1L << 20;

    private readonly TempFolder _root = new();

    public void Dispose() => _root.Dispose();

    [Fact]
    public void Without_a_limit_it_is_what_the_machine_has_available()
    {
        Machine(1000);
        Read().ShouldBe(1000 * MiB);
    }

    [Fact]
    public void The_tightest_limit_of_the_groups_above_counts_and_pages_of_files_are_free()
    {
        Machine(1000, "0::/pod/axpo");
        File("sys/fs/cgroup/pod/memory.max", $"{500 * MiB}");
        File("sys/fs/cgroup/pod/memory.current", $"{300 * MiB}");
        File("sys/fs/cgroup/pod/memory.stat", $"anon 1\ninactive_file {50 * MiB}\n");
        File("sys/fs/cgroup/pod/axpo/memory.max", "max");
        File("sys/fs/cgroup/pod/axpo/memory.current", $"{300 * MiB}");
        Read().ShouldBe(250 * MiB);
    }

    [Fact]
    public void In_a_container_the_limit_stands_at_the_top()
    {
        Machine(1000, "0::/");
        File("sys/fs/cgroup/memory.max", $"{64 * MiB}");
        File("sys/fs/cgroup/memory.current", $"{65 * MiB}");
        Read().ShouldBe(0);
    }

    [Fact]
    public void Control_groups_of_version_1_are_read_as_well()
    {
        Machine(1000, "5:cpu,cpuacct:/a\n4:memory:/a");
        File("sys/fs/cgroup/memory/a/memory.limit_in_bytes", $"{500 * MiB}");
        File("sys/fs/cgroup/memory/a/memory.usage_in_bytes", $"{100 * MiB}");
        File("sys/fs/cgroup/memory/a/memory.stat", $"total_inactive_file {10 * MiB}\n");
        Read().ShouldBe(410 * MiB);
    }

    [Fact]
    public void Where_the_system_does_not_say_it_is_not_known() => MachineMemory.Read(_root.Path).ShouldBeNull();

    private long Read() => MachineMemory.Read(_root.Path).ShouldNotBeNull().AvailableBytes;

    private void Machine(long mebibytes, string groups = "0::/")
    {
        File("proc/meminfo", $"MemTotal:       99999999 kB\nMemAvailable:   {mebibytes << 10} kB\n");
        File("proc/self/cgroup", groups + "\n");
    }

    private void File(string path, string text)
    {
        var full = Path.Combine(_root.Path, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        System.IO.File.WriteAllText(full, text);
    }
}
