using Axpo.Environments.Facts;
using Axpo.Environments.Tools.Search;

namespace Axpo.Environments.Tests.Tools.Search;

public sealed class FactIndexTests
{
    [Fact]
    public void Every_fact_is_found_first_by_its_own_title()
    {
        foreach (var fact in FactBase.All)
        {
            FactIndex.Shared.Search(fact.Title, 1).ShouldHaveSingleItem().ShouldBe(new SearchHit(fact.Id, fact.Title, fact.Answer));
        }
    }

    [Fact]
    public void Results_are_several_partly_irrelevant_and_always_in_the_same_order()
    {
        using var other = new FactIndex(FactBase.All);

        var hits = FactIndex.Shared.Search("what is the capital of france please", 5);

        hits.Count.ShouldBe(5);
        hits[0].Text.ShouldBe("Paris");
        hits.Skip(1).ShouldAllBe(h => h.Text != "Paris");
        other.Search("what is the capital of france please", 5).ShouldBe(hits);
    }

    [Fact]
    public void Results_do_not_depend_on_the_order_of_the_corpus()
    {
        using var reversed = new FactIndex(FactBase.All.Reverse());

        foreach (var query in new[] { "capital", "country after", "code of Guinea", "city airport", "of" })
        {
            reversed.Search(query, 5).ShouldBe(FactIndex.Shared.Search(query, 5), query);
        }
    }

    [Fact]
    public void The_numbers_change_what_no_other_question_finds()
    {
        using var without = new FactIndex(FactBase.OneHop.Concat(FactBase.Chains));
        foreach (var fact in FactBase.OneHop.Concat(FactBase.Chains))
        {
            FactIndex.Shared.Search(fact.Title, FactIndex.DefaultResults).ShouldBe(without.Search(fact.Title, FactIndex.DefaultResults), fact.Title);
        }
    }

    [Theory]
    [InlineData("capital of France\" OR title:*")]
    [InlineData("NEAR(capital France, 2) AND NOT \"x")]
    [InlineData("{title body}: capital ^ France* + (((")]
    [InlineData("'; DROP TABLE docs; -- capital of France")]
    [InlineData("capital\0of\u0001France\u2028")]
    [InlineData("- - ^ France")]
    public void Operators_in_a_query_are_mere_text(string query) => FactIndex.Shared.Search(query, 3).Count.ShouldBe(3);

    [Theory, InlineData(""), InlineData("   "), InlineData("\"*():^-"), InlineData("😀😀"), InlineData("zzzzqqqq")]
    public void A_query_without_known_words_finds_nothing(string query)
    {
        FactIndex.Shared.Search(query, 3).ShouldBeEmpty();
        FactIndex.Format([]).ShouldBe("no results");
    }

    [Fact]
    public void A_thousand_words_are_survived() => FactIndex.Shared.Search(string.Join(' ', Enumerable.Range(0, 1000).Select(i => $"w{i} of")), 2).Count.ShouldBe(2);

    [Fact]
    public async Task Many_threads_get_the_same_answers()
    {
        using var index = new FactIndex(FactBase.All);
        var facts = FactBase.All.Take(64).ToArray();

        var found = await Task.WhenAll(Enumerable.Range(0, 256).Select(i => Task.Run(() => index.Search(facts[i % facts.Length].Title, 1)[0].Text)));

        found.ShouldBe(Enumerable.Range(0, 256).Select(i => facts[i % facts.Length].Answer));
    }
}
