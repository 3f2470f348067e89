using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Episodes;

public sealed class BranchPathTests
{
    [Fact]
    public void A_path_that_was_never_made_is_the_empty_one()
    {
        default(BranchPath).ShouldBe(BranchPath.Empty);
        default(BranchPath).ShouldBe(new BranchPath([]));
        default(BranchPath).GetHashCode().ShouldBe(new BranchPath([]).GetHashCode());
        (default(BranchPath).IsEmpty, default(BranchPath).Branches.Length, default(BranchPath).ToString()).ShouldBe((true, 0, ""));
    }

    [Fact]
    public void Paths_are_equal_by_their_branches_in_order()
    {
        var path = BranchPath.Empty.Then(0, 2).Then(1, 0);
        path.ShouldBe(new BranchPath([new Branch(0, 2), new Branch(1, 0)]));
        path.GetHashCode().ShouldBe(new BranchPath([new Branch(0, 2), new Branch(1, 0)]).GetHashCode());
        path.ShouldNotBe(BranchPath.Empty.Then(1, 0).Then(0, 2));
        path.ShouldNotBe(BranchPath.Empty.Then(0, 2));
        path.ToString().ShouldBe("b0r2/b1r0");
        path.IsEmpty.ShouldBeFalse();
    }

    [Fact]
    public void Going_on_leaves_the_shorter_path_as_it_was()
    {
        var path = BranchPath.Empty.Then(0, 2);
        path.Then(1, 1);
        path.Branches.ShouldBe([new Branch(0, 2)]);
    }
}
