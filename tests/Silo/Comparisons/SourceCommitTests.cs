using Axpo.Silo.Comparisons;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Comparisons;

public sealed class SourceCommitTests : IDisposable
{
    private const string Commit = "0123456789abcdef0123456789abcdef01234567";
    private readonly TempFolder _folder = new();

    private string Git => Path.Combine(_folder.Path, "main", ".git");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_checkout_is_found_from_below_through_branch_packed_branch_or_commit()
    {
        var below = Directory.CreateDirectory(Path.Combine(_folder.Path, "main", "bin", "x")).FullName;
        SourceCommit.Of(below).ShouldBeNull();
        Write("HEAD", "ref: refs/heads/main\n");
        SourceCommit.Of(below).ShouldBeNull();
        Write("packed-refs", $"# pack-refs\n{Commit} refs/heads/main\n");
        SourceCommit.Of(below).ShouldBe(Commit);
        Write("refs/heads/main", "ff" + Commit[2..] + "\n");
        SourceCommit.Of(below).ShouldBe("ff" + Commit[2..]);
        Write("HEAD", Commit);
        SourceCommit.Of(below).ShouldBe(Commit);
    }

    [Fact]
    public void A_worktree_has_a_head_of_its_own_and_the_branches_of_its_repository()
    {
        Write("worktrees/w/HEAD", "ref: refs/heads/side\n");
        Write("worktrees/w/commondir", "../..\n");
        Write("refs/heads/side", Commit);
        var tree = Directory.CreateDirectory(Path.Combine(_folder.Path, "w")).FullName;
        File.WriteAllText(Path.Combine(tree, ".git"), $"gitdir: {Path.Combine(Git, "worktrees", "w")}\n");
        SourceCommit.Of(tree).ShouldBe(Commit);
    }

    [Fact]
    public void This_program_knows_its_own() => SourceCommit.OfThisProgram().ShouldNotBeEmpty();

    private void Write(string name, string content)
    {
        var path = Path.Combine(Git, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
    }
}
