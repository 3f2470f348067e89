using System.Collections.Immutable;
using CsCheck;
using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Episodes;

public sealed class EpisodeIdTests
{
    private static readonly EpisodeId _original = new("my-run", Phase.EvalT1, 10, 3, 7);

    [Fact]
    public void It_is_written_as_the_key_of_its_grain()
    {
        _original.ToString().ShouldBe("my-run/eval-t1/10/3/7");
        _original.GroupKey.ShouldBe("my-run/eval-t1/10/3");
        _original.Fork(0, 2).Fork(1, 11).ToString().ShouldBe("my-run/eval-t1/10/3/7/b0r2/b1r11");
        _original.Fork(0, 2).Fork(new Branch(1, 0, BranchPoint.Turn)).ToString().ShouldBe("my-run/eval-t1/10/3/7/b0r2/t1r0");
        _original.Fork(0, 2).GroupKey.ShouldBe(_original.GroupKey);
    }

    [Fact]
    public void Reading_what_was_written_gives_the_same_id()
    {
        var number = Gen.Int[0, int.MaxValue];
        var branches = Gen.Select(number, number, Gen.Enum<BranchPoint>(), (b, k, point) => new Branch(b, k, point)).Array[0, 4];
        Gen.Select(Gen.String[Gen.Char["abcXYZ019-_."], 1, 20], Gen.Enum<Phase>(), number, number, number, branches).Sample((run, phase, step, question, rollout, path) =>
        {
            var id = new EpisodeId(run, phase, step, question, rollout, new BranchPath([.. path]));
            var read = EpisodeId.Parse(id.ToString());
            read.ShouldBe(id);
            read.GetHashCode().ShouldBe(id.GetHashCode());
            read.ToString().ShouldBe(id.ToString());
        });
    }

    [Theory]
    [InlineData("")]
    [InlineData("run/train/1/2")]
    [InlineData("run/training/1/2/3")]
    [InlineData("run/train/one/2/3")]
    [InlineData("run/train/-1/2/3")]
    [InlineData("run/train/1/2/3/")]
    [InlineData("run/train/1/2/3/b0")]
    [InlineData("run/train/1/2/3/c0r1")]
    [InlineData("run/train/1/2/3/r0b0")]
    [InlineData("run/train/1/2/3/b0r1r2")]
    [InlineData("run/train/1/2/3/b-1r2")]
    [InlineData("run/train/1/2/99999999999")]
    [InlineData("run/train/1/2/ 3")]
    [InlineData("/train/1/2/3")]
    public void What_is_no_id_is_refused_with_its_text_or_phase(string text)
    {
        var message = Should.Throw<FormatException>(() => EpisodeId.Parse(text)).Message;
        message.ShouldContain(text.Contains("training", StringComparison.Ordinal) ? "one of train, eval, eval-t1, rollout, resample" : $"'{text}' is no episode id");
    }

    [Fact]
    public void Every_phase_has_a_name_that_is_read_back()
    {
        Enum.GetValues<Phase>().Select(EpisodeId.Name).ShouldBe(["train", "eval", "eval-t1", "rollout", "resample"]);
        Enum.GetValues<Phase>().ShouldAllBe(p => EpisodeId.ParsePhase(EpisodeId.Name(p)) == p);
        Should.Throw<ArgumentOutOfRangeException>(() => EpisodeId.Name((Phase)99));
    }

    [Fact]
    public void Parents_and_originals()
    {
        var nested = _original.Fork(0, 2).Fork(1, 0);
        nested.Parent.ShouldBe(_original.Fork(0, 2));
        nested.Parent!.Parent.ShouldBe(_original);
        nested.Original.ShouldBe(_original);
        _original.Parent.ShouldBeNull();
        _original.Original.ShouldBeSameAs(_original);
    }

    [Fact]
    public void Chance_knows_no_run_name_and_keys_continuations_apart()
    {
        _original.Chance(5).ShouldBe((_original with { Run = "other" }).Chance(5));
        _original.Chance(5).ShouldBe(ChanceKey.ForSequence(5, Phase.EvalT1, 10, 3, 7, BranchPath.Empty));
        var fork = _original.Fork(0, 2);
        fork.Chance(5).ShouldBe(ChanceKey.ForSequence(5, Phase.Resample, 10, 3, 7, fork.Path));
        fork.Chance(5).ShouldNotBe(_original.Fork(0, 3).Chance(5));
        fork.Chance(5).ShouldNotBe(_original.Fork(new Branch(0, 2, BranchPoint.Turn)).Chance(5));
    }
}
