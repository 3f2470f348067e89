using Axpo.Silo.Hosting;
using Axpo.Silo.Storage;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Hosting;

public sealed class RunClaimTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void One_holder_at_a_time_who_says_where_to_find_it()
    {
        var folders = new RunFolders(_folder.Path);
        Directory.CreateDirectory(folders.Of("r"));
        RunClaim.Holder(folders, "r").ShouldBeNull();
        using (RunClaim.Take(folders, "r", 4711))
        {
            var holder = RunClaim.Holder(folders, "r").ShouldNotBeNull();
            (holder.Pid, holder.GatewayPort).ShouldBe((Environment.ProcessId, 4711));
            var e = Should.Throw<PreflightException>(() => RunClaim.Take(folders, "r", 4712));
            e.Message.ShouldContain("'r'");
            e.Message.ShouldContain("runs watch r");
        }

        RunClaim.Holder(folders, "r").ShouldBeNull();
        RunClaim.Take(folders, "r", 4713).Dispose();
    }

    [Fact]
    public void A_holder_whose_file_is_not_there_yet_still_holds()
    {
        var folders = new RunFolders(_folder.Path);
        Directory.CreateDirectory(folders.Of("r"));
        using var claim = RunClaim.Take(folders, "r", 4711);
        File.WriteAllText(Path.Combine(folders.Of("r"), "process.json"), "{");
        Should.Throw<PreflightException>(() => RunClaim.Take(folders, "r", 4712)).Message.ShouldContain("is under way in another process");
    }

    [Fact]
    public void Looking_does_not_look_like_holding()
    {
        var folders = new RunFolders(_folder.Path);
        Directory.CreateDirectory(folders.Of("r"));
        RunClaim.Take(folders, "r", 4711).Dispose();
        File.WriteAllText(Path.Combine(folders.Of("r"), "process.json"), """{"pid": 1, "gatewayPort": 2, "started": "2026-01-01T00:00:00Z"}""");
        using var other = new FileStream(Path.Combine(folders.Of("r"), ".lock"), FileMode.Open, FileAccess.Read, FileShare.Read);
        RunClaim.Holder(folders, "r").ShouldBeNull();
    }

    [Fact]
    public void What_a_killed_process_left_is_no_holder()
    {
        var folders = new RunFolders(_folder.Path);
        Directory.CreateDirectory(folders.Of("r"));
        File.WriteAllText(Path.Combine(folders.Of("r"), ".lock"), "");
        File.WriteAllText(Path.Combine(folders.Of("r"), "process.json"), """{"pid": 1, "gatewayPort": 2, "started": "2026-01-01T00:00:00Z"}""");
        RunClaim.Holder(folders, "r").ShouldBeNull();
    }
}
