using System.Security.Cryptography;
using System.Text;
using Axpo.Core;
using Axpo.Environments.Suites;
using Axpo.Silo.Sft;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Sft;

public sealed class SuiteMixtureTests
{
    [Theory]
    [InlineData(50, 49, 99)]
    [InlineData(50, 51, 101)]
    public void Shares_add_up_to_a_hundred(int one, int other, int sum) =>
        Should.Throw<ArgumentException>(() => new SuiteMixture((new MentalArithmetic(), one, 1), (new ArithmeticSuite(), other, 1))).Message.ShouldStartWith($"shares of a mixture add up to 100, not to {sum}");

    [Fact]
    public void A_suite_has_its_share_and_its_share_of_calls()
    {
        var mixture = new SuiteMixture((new MentalArithmetic(), 30, .5), (new ArithmeticSuite(), 70, 1));
        TeacherTrace[] traces = [.. Enumerable.Range(0, 4000).Select(i => mixture.Draw(Split.Train, ChanceKey.Root(1).With((ulong)i)))];
        TeacherTrace[] mental = [.. traces.Where(t => t.Question.Suite == "mental-arithmetic")];
        (mental.Length / 4000.0).ShouldBe(.3, .03);
        (mental.Count(t => t.Steps.Count > 0) / (double)mental.Length).ShouldBe(.5, .06);
        traces.Except(mental).ShouldAllBe(t => t.Steps.Count > 0);
    }

    /// <summary>The shipped checkpoints, and those that stored results begin with, can only be made again while recipes draw what they drew.</summary>
    [Theory]
    [InlineData("chains-3", "2356fc684691054a")]
    [InlineData("chains-8", "a68590edf77364ae")]
    [InlineData("chains-8-exact", "9ae827554caff6f2")]
    [InlineData("gap", "46fb1508c8b83e7b")]
    [InlineData("gap-chains", "2c77a8737f38c76b")]
    [InlineData("tiny", "88186a4902c48b06")]
    [InlineData("tools", "b9c15389d4122176")]
    public void A_recipe_of_text_draws_what_it_drew(string recipe, string hash)
    {
        var text = new StringBuilder();
        foreach (var stage in SftRecipes.Get(recipe).Job.Stages)
        {
            for (var i = 0UL; i < 200; i++)
            {
                var trace = stage.Draw(ChanceKey.Root(7).With(i));
                text.Append(trace.Question.Text).Append('|').AppendJoin('|', trace.Steps.Select(s => $"{s.Think} {s.Tool} {s.ArgumentsJson} {s.Observation}")).Append('|').Append(trace.FinalThink).Append('|').Append(trace.Answer).Append('\n');
            }
        }

        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())))[..16].ShouldBe(hash);
    }
}
