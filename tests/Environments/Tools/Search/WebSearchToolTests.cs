using System.Text.Json;
using Axpo.Environments.Facts;
using Axpo.Environments.Tools.Search;

namespace Axpo.Environments.Tests.Tools.Search;

public sealed class WebSearchToolTests
{
    [Fact]
    public async Task A_call_answers_with_the_best_result_first()
    {
        var result = await InvokeAsync("""{"query":"capital of France"}""");

        result.IsError.ShouldBeFalse();
        result.Text.ShouldStartWith("Paris; ");
        (await InvokeAsync("""{"query":"capital of France","max_results":1}""")).Text.ShouldBe("Paris");
        (await InvokeAsync("""{"max_results":4,"query":"capital of France"}""")).Text.Split("; ").Length.ShouldBe(4);
    }

    [Theory]
    [InlineData("{\"query\":", "JSON")]
    [InlineData("", "JSON")]
    [InlineData("[]", "object")]
    [InlineData("null", "object")]
    [InlineData("{}", "'query' is missing")]
    [InlineData("{\"query\":null}", "'query' must be a string")]
    [InlineData("{\"query\":7}", "'query' must be a string")]
    [InlineData("{\"query\":\"a\",\"query\":\"b\"}", "JSON")]
    [InlineData("{\"query\":\"\\ud800\"}", "JSON")]
    [InlineData("{\"\\ud800\":1,\"query\":\"a\"}", "JSON")]
    [InlineData("{\"query\":\"a\",\"max_results\":\"3\"}", "'max_results' must be an integer")]
    [InlineData("{\"query\":\"a\",\"max_results\":2.5}", "'max_results'")]
    [InlineData("{\"query\":\"a\",\"max_results\":0}", "max_results must be 1 to 20")]
    [InlineData("{\"query\":\"a\",\"max_results\":21}", "max_results must be 1 to 20")]
    [InlineData("{\"query\":\"a\",\"max_results\":99999999999}", "'max_results'")]
    [InlineData("{\"query\":\"a\",\"site\":\"x\"}", "unknown argument 'site'; web_search takes query, max_results")]
    public async Task The_policys_mistakes_are_error_observations_that_name_the_field(string arguments, string named)
    {
        var result = await InvokeAsync(arguments);

        result.IsError.ShouldBeTrue();
        result.Text.ShouldContain(named);
        result.Text.Length.ShouldBeLessThan(200);
    }

    [Fact]
    public async Task Half_a_surrogate_pair_in_raw_arguments_is_an_error_observation() => (await InvokeAsync("{\"query\":\"\ud800\"}")).IsError.ShouldBeTrue();

    [Fact]
    public async Task Deep_nesting_and_long_queries_are_error_observations()
    {
        (await InvokeAsync("{\"query\":" + new string('[', 20_000))).IsError.ShouldBeTrue();
        (await InvokeAsync("{\"query\":\"" + new string('a', 501) + "\"}")).Text.ShouldContain("500");
    }

    [Fact]
    public async Task Output_is_bounded() =>
        (await InvokeAsync("""{"query":"capital of","max_results":20}""", new WebSearchOptions { MaxOutput = 50 })).Text.Length.ShouldBeLessThan(50 + " [cut off]".Length + 1);

    [Fact]
    public async Task Probing_asks_a_real_question()
    {
        using var works = new WebSearchTool(FactIndex.Shared, new WebSearchOptions());
        using var empty = new FactIndex([]);
        using var broken = new WebSearchTool(empty, new WebSearchOptions());

        (await works.ProbeAsync(TestContext.Current.CancellationToken)).Works.ShouldBeTrue();
        var probe = await broken.ProbeAsync(TestContext.Current.CancellationToken);
        probe.Works.ShouldBeFalse();
        probe.Remedy.ShouldNotBeNullOrEmpty();
    }

    [Theory]
    [InlineData("capital of France", "Paris")]
    [InlineData("France capital of", "Paris")]
    [InlineData("capital of Frants", null)]
    [InlineData("the capital of France", null)]
    public async Task A_slip_finds_something_else_or_where_titles_must_match_nothing(string query, string? exact)
    {
        var arguments = JsonSerializer.Serialize(new { query });

        var any = await InvokeAsync(arguments);
        (any.IsError, any.Text.Length > 0).ShouldBe((false, true));
        any.Text.ShouldNotBe("no results");
        (await InvokeAsync(arguments, new WebSearchOptions { Match = SearchMatch.Exact })).ShouldBe(new ToolResult(exact ?? "no results", IsError: exact is null));
    }

    [Fact]
    public async Task A_query_without_a_known_word_is_told_so_as_a_mistake() =>
        (await InvokeAsync("""{"query":"qqqq zzzz"}""")).ShouldBe(new ToolResult("no results", IsError: true));

    [Fact]
    public async Task A_cancelled_call_ends()
    {
        using var tool = new WebSearchTool(FactIndex.Shared, new WebSearchOptions());
        await using var session = await tool.OpenAsync(new ToolSessionContext("e", ChanceKey.Root(1)), TestContext.Current.CancellationToken);

        await Should.ThrowAsync<OperationCanceledException>(() => session.InvokeAsync(new ToolInvocation("""{"query":"France"}"""), new CancellationToken(canceled: true)));
    }

    private static async Task<ToolResult> InvokeAsync(string arguments, WebSearchOptions? options = null)
    {
        using var tool = new WebSearchTool(FactIndex.Shared, options ?? new WebSearchOptions());
        await using var session = await tool.OpenAsync(new ToolSessionContext("e", ChanceKey.Root(1)), TestContext.Current.CancellationToken);
        return await session.InvokeAsync(new ToolInvocation(arguments), TestContext.Current.CancellationToken);
    }
}
