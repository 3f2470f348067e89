using Axpo.Core;
using Axpo.Silo.Runs;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Runs;

public sealed class QuestionMixTests
{
    private readonly QuestionMix _mix = new([(new NumberedSuite("a"), 3), (new NumberedSuite("b"), 1), (new NumberedSuite("off"), 0)]);

    [Fact]
    public void Shares_hold_in_every_prefix()
    {
        var questions = _mix.Draw(1, Phase.Train, 1, Split.Train, 16);
        questions.Count(q => q.Suite == "a").ShouldBe(12);
        questions.Take(8).Count(q => q.Suite == "b").ShouldBe(2);
        questions.Select(q => q.Text).Distinct().Count().ShouldBe(16);
    }

    [Fact]
    public void Training_walks_on_and_is_repeatable()
    {
        Texts(1, 1).ShouldBe(Texts(1, 1));
        Texts(1, 1).ShouldNotBe(Texts(1, 2));
        Texts(1, 1).ShouldNotBe(Texts(2, 1));

        string[] Texts(ulong seed, int step) => [.. _mix.Draw(seed, Phase.Train, step, Split.Train, 8).Select(q => q.Text)];
    }

    [Fact]
    public void Spare_questions_follow_the_batch_and_change_nothing_of_it()
    {
        var batch = _mix.Draw(1, Phase.Train, 3, Split.Train, 8).Select(q => q.Text).ToArray();
        var drawn = _mix.Draw(1, Phase.Train, 3, Split.Train, 8, 16).Select(q => q.Text).ToArray();
        drawn[..8].ShouldBe(batch);
        drawn.ShouldBeUnique();
        drawn.Length.ShouldBe(24);
    }

    [Fact]
    public void Evaluation_asks_the_same_questions_at_every_step_and_in_both_phases_and_short_ones_nest()
    {
        var at0 = _mix.Draw(1, Phase.Eval, 0, Split.Test, 40).Select(q => q.Text).ToArray();
        _mix.Draw(1, Phase.EvalT1, 10, Split.Test, 40).Select(q => q.Text).ShouldBe(at0);
        _mix.Draw(1, Phase.Eval, 60, Split.Test, 12).Select(q => q.Text).ShouldBe(at0.Take(12));
    }

    [Fact]
    public void A_mixture_of_nothing_is_refused() =>
        Should.Throw<ArgumentException>(() => new QuestionMix([(new NumberedSuite("a"), 0)])).Message.ShouldContain("tasks.suites");

    private sealed class NumberedSuite(string name) : ITaskSuite
    {
        public string Name => name;

        public string Category => "reasoning";

        public IReadOnlyList<string> Tools => [];

        public IReadOnlyList<Question> Draw(Split split, ChanceKey key, int count)
        {
            var chance = key.Stream();
            return [.. Enumerable.Range(0, count).Select(i => new Question
            {
                Id = $"{name}-{i}", Suite = name, Category = Category, Text = $"{name} {split} {chance.Next(1_000_000)}", Answer = "1", Verifier = "exact",
            })];
        }
    }
}
