using CsCheck;
using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Algorithm.Advantages;

public sealed class GaeTests
{
    [Fact]
    public void Returns_follow_the_recursion_past_masked_tokens()
    {
        // From the end: A2 = 1 - .5; the masked token lets both through; A0 = 0 + .9*.5 - .25 + .9*.8*.5.
        var got = Gae.Of([[0, 7, 1]], [[.25, 3, .5]], [[true, false, true]], .9, .8);
        got.Returns[0].ShouldBe([.2 + .36 + .25, .5 + 3, 1], 1e-12);
        got.Advantages.ShouldBe(Whitening.Of([[.56, .5, .5]], [[true, false, true]]).Select(r => r.ToArray()).ToArray());
    }

    [Fact]
    public void Without_decay_or_discount_a_return_is_the_reward_to_go() => Gen.Double[-1, 1].Array[1, 10].Sample(rewards =>
    {
        var got = Gae.Of([rewards], [[.. rewards.Select((_, t) => t * .1)]], [[.. rewards.Select(_ => true)]], 1, 1);
        for (var t = 0; t < rewards.Length; t++)
        {
            got.Returns[0][t].ShouldBe(rewards[t..].Sum(), 1e-9);
        }
    });

    [Fact]
    public void What_stands_in_a_masked_slot_reaches_no_loss_token()
    {
        bool[][] mask = [[true, false, true]];
        var (clean, dirty) = (Gae.Of([[0, 0, 1]], [[.1, 0, .2]], mask, .9, .9), Gae.Of([[0, double.NaN, 1]], [[.1, double.NaN, .2]], mask, .9, .9));
        new[] { dirty.Advantages[0][0], dirty.Advantages[0][2] }.ShouldBe([clean.Advantages[0][0], clean.Advantages[0][2]]);
    }
}
