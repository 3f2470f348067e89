using Axpo.Core;
using Axpo.Silo.Runs;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Runs;

public sealed class QuestionFileSourceTests
{
    private static readonly string[] _ids = [.. Enumerable.Range(0, 10).Select(i => $"q{i}")];
    private readonly QuestionFileSource _source = new([.. _ids.Select(id => Question(id, "own"))], _ => ["b", "a"]);

    [Fact]
    public void Evaluation_and_rollout_ask_the_first_ones_in_the_order_of_the_file()
    {
        foreach (var phase in (Phase[])[Phase.Eval, Phase.EvalT1, Phase.Rollout])
        {
            Ids(1, phase, 7, 4).ShouldBe(_ids[..4]);
            Ids(2, phase, 0, 25).ShouldBe(_ids);
        }
    }

    [Fact]
    public void An_epoch_of_training_asks_every_question_once()
    {
        // 5 steps of 4 are two epochs of 10; the third step lies across their border.
        string[] asked = [.. Enumerable.Range(1, 5).SelectMany(step => Ids(1, Phase.Train, step, 4))];
        asked[..10].Order().ShouldBe(_ids);
        asked[10..].Order().ShouldBe(_ids);
        asked[..10].ShouldNotBe(_ids);
        asked[10..].ShouldNotBe(asked[..10]);
    }

    [Fact]
    public void Training_depends_on_seed_and_step_alone()
    {
        Ids(1, Phase.Train, 3, 4).ShouldBe(Ids(1, Phase.Train, 3, 4));
        Ids(1, Phase.Train, 3, 4).ShouldNotBe(Ids(2, Phase.Train, 3, 4));
    }

    [Fact]
    public void A_batch_larger_than_the_file_goes_round()
    {
        var asked = Ids(1, Phase.Train, 1, 25);
        asked.Length.ShouldBe(25);
        asked.GroupBy(id => id).ShouldAllBe(g => g.Count() == 2 || g.Count() == 3);
        Ids(1, Phase.Train, 1_000_000_000, 3).Length.ShouldBe(3);
    }

    [Fact]
    public void Spare_questions_follow_the_batch_and_are_others_while_there_are()
    {
        for (var step = 1; step < 6; step++)
        {
            var drawn = _source.Draw(1, Phase.Train, step, Split.Train, 4, 6).Select(q => q.Id).ToArray();
            drawn[..4].ShouldBe(Ids(1, Phase.Train, step, 4));
            drawn.Order().ShouldBe(_ids);
            _source.Draw(1, Phase.Train, step, Split.Train, 4, 2).Select(q => q.Id).ShouldBe(drawn[..6]);
        }

        _source.Draw(1, Phase.Train, 1, Split.Train, 4, 30).Count.ShouldBe(34);
    }

    [Fact]
    public void Questions_offer_the_tools_of_their_suite_unless_they_name_their_own()
    {
        var source = new QuestionFileSource([Question("x", "known"), Question("y", "other"), Question("z", "known") with { Tools = [] }], question => question.Suite == "known" ? ["python"] : ["python", "web_search"]);
        source.Draw(1, Phase.Eval, 0, Split.Test, 3).Select(q => string.Join('+', q.Tools!)).ShouldBe(["python", "python+web_search", ""]);
        source.Tools.ShouldBe(["python", "web_search"]);
        _source.Tools.ShouldBe(["a", "b"]);
    }

    private string[] Ids(ulong seed, Phase phase, int step, int count) => [.. _source.Draw(seed, phase, step, Split.Train, count).Select(q => q.Id)];

    private static Question Question(string id, string suite) => new() { Id = id, Suite = suite, Category = "reasoning", Text = "?", Answer = "1", Verifier = "exact" };
}
