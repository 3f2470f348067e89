using Axpo.Training.Chat.Jinja;
using CsCheck;
using Shouldly;
using Xunit;

namespace Axpo.Training.Tests.Chat.Jinja;

/// <summary>A template that loops, grows or nests without end is one clear error, and costs no more than its limits.</summary>
public sealed class TemplateLimitTests
{
    private static readonly TemplateLimits Small = new() { Steps = 200_000, Output = 10_000, Depth = 100, Range = 1000 };

    private static readonly string[] Pieces =
    [
        "{{", "}}", "{%", "%}", "{#", "#}", "-", "+", " ", "\n", "if ", "else ", "endif ", "for ", "x ", "in ", "endfor ", "set ", "= ", "1", "'a'", "[", "]", "(", ")", "{", "}", "|", "tojson", "~ ", ".", ",", ":", "is ", "not ",
        "defined ", "range", "\\", "*", "raw ", "endraw ", "macro ", "m", "endmacro ", "namespace", "loop", "\"",
    ];

    [Theory]
    [InlineData("{% for a in range(1000) %}{% for b in range(1000) %}{% endfor %}{% endfor %}", "more than 200000 steps")]
    [InlineData("{% for a in range(1000) %}{{ 'aaaaaaaaaaaaaaaaaaaa' }}{% endfor %}", "more than 10000 characters")]
    [InlineData("{% set ns = namespace(t='aa') %}{% for a in range(60) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}", "steps")]
    [InlineData("{% set ns = namespace(t=[1]) %}{% for a in range(60) %}{% set ns.t = ns.t + ns.t %}{% endfor %}", "steps")]
    [InlineData("{% set ns = namespace(t='ab') %}{% for a in range(60) %}{% set ns.t = ns.t.replace('a', ns.t) %}{% endfor %}", "steps")]
    [InlineData("{% set ns = namespace(t=[1]) %}{% for a in range(60) %}{% set ns.t = [ns.t, ns.t] %}{% endfor %}{{ ns.t|tojson }}", "steps")]
    [InlineData("{% set ns = namespace(t=[1]) %}{% for a in range(200) %}{% set ns.t = [ns.t] %}{% endfor %}{{ ns.t|tojson }}", "deeper than 100 levels")]
    [InlineData("{% set ns = namespace(t=[1]) %}{% for a in range(200) %}{% set ns.t = [ns.t] %}{% endfor %}{{ ns.t == ns.t[0] }}", "deeper than 100 levels")]
    [InlineData("{% set ns = namespace(t=[1]) %}{% for a in range(200) %}{% set ns.t = [ns.t] %}{% endfor %}{{ ns.t }}", "deeper than 100 levels")]
    [InlineData("{% set ns = namespace(t=9) %}{% for a in range(60) %}{% set ns.t = ns.t * ns.t %}{% endfor %}", "digits")]
    [InlineData("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "deeper than 100 levels")]
    [InlineData("{{ range(100000000)|length }}", "range() of 100000000 items is more than 1000")]
    [InlineData("{{ 'a' * 1000000000 }}", "steps")]
    [InlineData("{{ 10 ** 1000000 }}", "too large")]
    [InlineData("{{ [1] * 1000000000 }}", "steps")]
    public void A_limit_is_named(string template, string limit) =>
        Should.Throw<TemplateException>(() => Render(template)).Message.ShouldContain(limit);

    [Theory]
    [InlineData("(", 100_000)]
    [InlineData("not ", 100_000)]
    [InlineData("-", 100_000)]
    [InlineData("[", 100_000)]
    [InlineData("1 if 1 else ", 100_000)]
    public void A_template_that_nests_too_deep_is_refused(string piece, int times) =>
        Should.Throw<InvalidDataException>(() => JinjaTemplate.Parse("t", "{{ " + string.Concat(Enumerable.Repeat(piece, times)) + "1 }}")).Message.ShouldContain("t:1: ");

    [Fact]
    public void Statements_that_nest_too_deep_are_refused() =>
        Should.Throw<InvalidDataException>(() => JinjaTemplate.Parse("t", string.Concat(Enumerable.Repeat("{% if 1 %}", 100_000)))).Message.ShouldContain("nests deeper");

    [Fact]
    public void A_long_chain_ends_at_the_depth_limit() =>
        Should.Throw<TemplateException>(() => Render("{{ 1" + string.Concat(Enumerable.Repeat(" + 1", 100_000)) + " }}")).Message.ShouldContain("deeper than");

    [Fact]
    public void Any_pieces_render_or_give_one_clear_error() =>
        Gen.Int[0, Pieces.Length - 1].Array[0, 25].Sample(picks =>
        {
            try
            {
                Render("{{ x }}" + string.Concat(picks.Select(p => Pieces[p])));
            }
            catch (Exception e) when (e is InvalidDataException or NotSupportedException or TemplateException)
            {
                e.Message.ShouldStartWith("t:");
            }
        });

    [Fact]
    public void Any_expression_renders_or_gives_one_clear_error()
    {
        string[] words = ["x", "1", "2.5", "'ab'", "[x, 1]", "{'a': x}", "none", "nope", "+", "-", "*", "/", "//", "%", "**", "~", "==", "<", "in", "and", "or", "not", "is", "|", "tojson", "length", "first", "join", "string", "[0]", "[::-1]", ".a", "if", "else", "(", ")", "range(3)", "int", "number"];
        Gen.Int[0, words.Length - 1].Array[1, 9].Sample(picks =>
        {
            try
            {
                Render("{{ " + string.Join(' ', picks.Select(p => words[p])) + " }}");
            }
            catch (Exception e) when (e is InvalidDataException or NotSupportedException or TemplateException)
            {
                e.Message.ShouldStartWith("t:");
            }
        });
    }

    private static string Render(string template) =>
        JinjaTemplate.Parse("t", template).Render(new Dictionary<string, object?>(StringComparer.Ordinal) { ["x"] = TemplateText.Distrust("<a>") }, Small).Value;
}
