using System.Text.Json;
using Axpo.Training.Chat.Jinja;
using Shouldly;
using Xunit;

namespace Axpo.Training.Tests.Chat.Jinja;

/// <summary>Snippets with the results that Jinja2 documents, under transformers' settings.</summary>
public sealed class JinjaTemplateTests
{
    private const string Variables = """
        {"x":1,"s":"a<b> é","l":[3,1,2],"d":{"b":1,"a":[true,null],"items":7},"e":"","u":"\ud83d\ude00b","n":null,
         "m":[{"role":"user","content":"Hi"},{"role":"tool"}],"f":1.0,"big":12345678901234567890,"sci":1e+22}
        """;

    [Theory]
    // Output, literals, numbers.
    [InlineData("{{ 1 }} {{ 1.50 }} {{ 'a' 'b' }} {{ \"q\\n\\u00e9\\x41\" }}|", "1 1.5 ab q\né\u0041|")]
    [InlineData("{{ true }} {{ None }} {{ [1, 'a', \"it's\"] }} {{ {'k': none} }} {{ (1, 2) }}", "True None [1, 'a', \"it's\"] {'k': None} [1, 2]")]
    [InlineData("{{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 4 / 2 }} {{ 2 ** 10 }} {{ 1e3 }} {{ 0.1 + 0.2 }}", "3 -4 2 3.5 2.0 1024 1000.0 0.30000000000000004")]
    [InlineData("{{ 10.0 ** 22 }} {{ 1 / 10000000 }} {{ 123456789012345.5 }} {{ -x }} {{ 1.0 * 100000 }} {{ 0.0001 * 1 }}", "1e+22 1e-07 123456789012345.5 -1 100000.0 0.0001")]
    [InlineData("{{ f }} {{ big }} {{ sci }} {{ big + 1 }} {{ 1 ~ f ~ none }} {{ 'ab' * 2 }} {{ [1] + [2] }}", "1.0 12345678901234567890 1e+22 12345678901234567891 11.0None abab [1, 2]")]
    // Access and slices, by code point.
    [InlineData("{{ u[0] }}{{ u[-1] }}{{ u|length }}{{ u[::-1] }}", "\U0001F600b2b\U0001F600")]
    [InlineData("{{ l[::-1] }} {{ l[1:] }} {{ l[:-1] }} {{ l[::2] }} {{ 'abcdef'[4:1:-1] }} {{ l[9] }}|", "[2, 1, 3] [1, 2] [3, 1] [3, 2] edc |")]
    [InlineData("{{ d.b }} {{ d['items'] }} {{ d.a[0] }} {{ m.0.role }} {{ d.missing }}| {{ none.x }}|", "1 7 True user | |")]
    [InlineData("{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}{{ d.keys()|list }} {{ d.get('z') }} {{ d.get('z', 4) }} {{ d.values()|length }}", "b=1;a=[True, None];items=7;['b', 'a', 'items'] None 4 3")]
    // Logic.
    [InlineData("{{ 0 or 'b' }} {{ '' and 1 }}| {{ not e }} {{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 'a' in s }} {{ 'z' not in s }} {{ 3 in l }} {{ 'b' in d }}", "b | True True False True True True True")]
    [InlineData("{{ 'y' if x == 1 else 'n' }} {{ 'y' if x == 2 }}| {{ 1 == 1.0 }} {{ true == 1 }} {{ '1' == 1 }} {{ [1, 2] == [1, 2] }}", "y | True True False True")]
    [InlineData("{{ nope is defined }} {{ nope is undefined }} {{ n is none }} {{ s is string }} {{ d is mapping }} {{ l is iterable }} {{ l is sequence }} {{ x is number }} {{ x is not string }}", "False True True True True True True True True")]
    [InlineData("{{ false is false }} {{ 0 is false }} {{ true is boolean }} {{ x is sameas 1 }} {{ none is sameas none }} {{ x is equalto 1 }} {{ 4 is divisibleby 2 }} {{ 3 is odd }} {{ 2 is in [2] }}", "True False True False True True True True True")]
    [InlineData("{{ nope }}{{ nope|length }}{{ nope == none }}{% for a in nope %}x{% else %}none{% endfor %}{{ nope|default('d') }}{{ e|default('d', true) }}{{ 1 in nope }}", "0FalsenoneddFalse")]
    // Filters and methods.
    [InlineData("{{ s|upper }} {{ s|tojson }} {{ ' a '|trim }}. {{ 'xax'|trim('x') }} {{ 'aXb'|lower }} {{ 'hello'|capitalize }} {{ 'abab'|replace('a', 'c', 1) }}", "A<B> É \"a<b> é\" a. a axb Hello cbab")]
    [InlineData("{{ l|join(', ') }} {{ l|first }} {{ l|last }} {{ 'ab'|list }} {{ m|map(attribute='role')|join('+') }} {{ '12'|int + 1 }} {{ 'z'|int(5) }} {{ '1.5'|float }} {{ l|string }}", "3, 1, 2 3 2 ['a', 'b'] user+tool 13 5 1.5 [3, 1, 2]")]
    [InlineData("{{ m|selectattr('role', 'equalto', 'tool')|list|length }} {{ m|rejectattr('content')|map(attribute='role')|list }} {{ l|select('gt', 1)|list }} {{ ['a']|map('upper')|list }} {{ l|reject('odd')|list }}", "1 ['tool'] [3, 2] ['A'] [2]")]
    [InlineData("{{ d|tojson }}", "{\"b\": 1, \"a\": [true, null], \"items\": 7}")]
    [InlineData("{{ {'a': [1, {}], 'b': []}|tojson(indent=2) }}", "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}")]
    [InlineData("{{ {'b': 'é', 'a': 1}|tojson(ensure_ascii=true, separators=(',', ':'), sort_keys=true) }}", "{\"a\":1,\"b\":\"\\u00e9\"}")]
    [InlineData("{{ 'a,b,,c'.split(',') }} {{ ' a  b '.split() }} {{ 'a-b-c'.split('-', 1) }} {{ 'xyx'.strip('x') }} {{ ' a'.lstrip() }} {{ 'a\\n'.rstrip('\\n') }}|", "['a', 'b', '', 'c'] ['a', 'b'] ['a', 'b-c'] y a a|")]
    [InlineData("{{ 'they are'.title() }} {{ 'ab'.startswith('a') }} {{ 'ab'.endswith(('x', 'b')) }} {{ 'aa'.replace('a', 'b') }} {{ 'Ab'.upper() }}{{ 'Ab'.lower() }} {{ '-'.join(['a', 'b']) }} {{ 'ab'.replace('', '.') }}", "They Are True True bb ABab a-b .a.b.")]
    // Statements.
    [InlineData("{% if x == 2 %}a{% elif x == 1 %}b{% else %}c{% endif %}", "b")]
    [InlineData("{% for i in l if i > 1 %}{{ loop.index }}/{{ loop.length }}:{{ i }}{{ ',' if not loop.last }}{% endfor %}", "1/2:3,2/2:2")]
    [InlineData("{% for i in l %}{{ loop.index0 }}{{ loop.revindex }}{{ loop.first }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.cycle('a', 'b') }} {% endfor %}", "03True1a 12False32b 21False1a ")]
    [InlineData("{% for i in range(5) %}{% if i == 1 %}{% continue %}{% endif %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}{{ range(1, 9, 3)|list }}{{ range(3, 0, -1)|list }}", "02[1, 4, 7][3, 2, 1]")]
    [InlineData("{% set y = 1 %}{% for i in l %}{% set y = i %}{% endfor %}{{ y }}{% set ns = namespace(y=1) %}{% for i in l %}{% set ns.y = i %}{% endfor %}{{ ns.y }}{% if true %}{% set y = 5 %}{% endif %}{{ y }}", "125")]
    [InlineData("{% set a, b = [1, 2] %}{{ a }}{{ b }}{% set t %}x{{ a }}{% endset %}{{ t }}", "12x1")]
    [InlineData("{% macro hi(name, mark='!') %}Hi {{ name }}{{ mark }}{% endmacro %}{{ hi('A') }}{{ hi('B', mark='?') }}{{ hi() }}", "Hi A!Hi B?Hi !")]
    [InlineData("{% raw %}{{ x }}{% endraw %}{# gone #}{% generation %}y{% endgeneration %}", "{{ x }}y")]
    [InlineData("{{ strftime_now is defined }}{% if strftime_now is defined %}{{ strftime_now('%d') }}{% endif %}", "False")]
    // White space: trim_blocks, lstrip_blocks, signs, one newline at the end.
    [InlineData("a\n  {% if x %}\nb\n  {% endif %}\nc\n", "a\nb\nc")]
    [InlineData("a  \n  {%- if x -%}  \n b {%- endif %}\nc\n\n", "abc\n")]
    [InlineData("a\n  {%+ if x %}\nb{% endif +%}\nc", "a\n  b\nc")]
    [InlineData("  {{ x }}\n  {# c #}\n{{- x }}\n", "  1\n1")]
    [InlineData("a {% if x %} b {% endif %} c", "a  b  c")]
    [InlineData("{{ x -}}  \n  y{{- ' z' }}", "1y z")]
    [InlineData("a\r\nb{{ '\\r' }}", "a\nb\r")]
    public void A_snippet_renders_as_in_Jinja2(string template, string expected) => Render(template).Value.ShouldBe(expected);

    [Theory]
    [InlineData("{{ nope.x }}", "'nope' is undefined")]
    [InlineData("{{ d.missing.x }}", "'dict object' has no attribute 'missing'")]
    [InlineData("{{ 'a' + nope }}", "'nope' is undefined")]
    [InlineData("{{ 'a' + 1 }}", "'str' and 'int'")]
    [InlineData("{{ 'a' < 1 }}", "not supported between")]
    [InlineData("{{ 1 in 'a' }}", "requires string")]
    [InlineData("{{ nope|tojson }}", "not JSON serializable")]
    [InlineData("{{ d.missing() }}", null)]
    [InlineData("{{ 1 // 0 }}", "division by zero")]
    [InlineData("{{ raise_exception('no ' ~ 'way') }}", "no way")]
    [InlineData("{% set d.x = 1 %}", "non-namespace")]
    [InlineData("{{ ''.split('') }}", "empty separator")]
    [InlineData("{{ x() }}", null)]
    [InlineData("{% for a, b in l %}{% endfor %}", "not iterable")]
    [InlineData("{{ strftime_now('%d') }}", "'strftime_now' is undefined")]
    public void What_Python_refuses_fails_with_the_line(string template, string? why)
    {
        if (why is null)
        {
            Should.Throw<NotSupportedException>(() => Render("\n" + template)).Message.ShouldStartWith("t:2: ");
            return;
        }

        var message = Should.Throw<TemplateException>(() => Render("\n" + template)).Message;
        message.ShouldStartWith("t: line 2: ");
        message.ShouldContain(why);
    }

    [Theory]
    [InlineData("{{ x|shout }}", "filter 'shout'")]
    [InlineData("{{ x is shouted }}", "test 'shouted'")]
    [InlineData("{{ shout(x) }}", "function 'shout'")]
    [InlineData("{{ s.format(1) }}", "method 'format'")]
    [InlineData("{{ x.__class__() }}", "method '__class__'")]
    [InlineData("{% include 'x' %}", "statement 'include'")]
    [InlineData("{% call x() %}{% endcall %}", "statement 'call'")]
    [InlineData("{% for a in l recursive %}{% endfor %}", "option of 'for' 'recursive'")]
    [InlineData("{{ range(*l) }}", "argument '*'")]
    public void What_is_not_supported_is_refused_by_name_and_line(string template, string named)
    {
        var message = Should.Throw<NotSupportedException>(() => JinjaTemplate.Parse("t", "\n\n" + template)).Message;
        message.ShouldStartWith("t:3: " + named);
        message.ShouldContain("supported: ");
    }

    [Theory]
    [InlineData("{{ x")]
    [InlineData("{{ (1 }}")]
    [InlineData("{% if x %}")]
    [InlineData("{% endif %}")]
    [InlineData("{% for x %}{% endfor %}")]
    [InlineData("{{ 'a }}")]
    [InlineData("{{ 1 + }}")]
    [InlineData("{# a")]
    [InlineData("{% raw %}")]
    [InlineData("{{ a b }}")]
    [InlineData("{{ x[] }}")]
    [InlineData("{% break %}")]
    [InlineData("{{ ? }}")]
    [InlineData("{% if x %}{% else %}{% elif x %}{% endif %}")]
    public void What_is_no_template_says_where(string template) =>
        Should.Throw<InvalidDataException>(() => JinjaTemplate.Parse("t", "\n" + template)).Message.ShouldStartWith("t:2: ");

    [Theory]
    [InlineData("{{ '<' ~ s ~ '>' }}", "01111110")]
    [InlineData("{{ s.strip('a')[1:] }}", "1111")]
    [InlineData("{{ s.split('<')[1] + 'x' }}", "11110")]
    [InlineData("{{ {'k': s}|tojson }}", "0000000" + "111111" + "00")]
    [InlineData("{% set t = s|upper|trim %}{% for c in t %}{{ c }}{{ '.' }}{% endfor %}", "101010101010")]
    [InlineData("{{ 'a' }}{{ s|replace('b', 'y')|replace('<', '(') }}", "0100111")]
    [InlineData("{% macro w(t) %}[{{ t }}]{% endmacro %}{{ w(s|first) }}", "010")]
    [InlineData("{{ [s] }}", "00" + "111111" + "00")]
    public void Untrusted_text_stays_untrusted(string template, string flags)
    {
        var text = Render(template);
        string.Concat(Enumerable.Range(0, text.Length).Select(i => text.Untrusted.Length > 0 && text.Untrusted[i] ? '1' : '0')).ShouldBe(flags, text.Value);
    }

    private static TemplateText Render(string template)
    {
        using var json = JsonDocument.Parse(Variables);
        var variables = json.RootElement.EnumerateObject().ToDictionary(p => p.Name, p => TemplateJson.ToValue(p.Value, untrusted: true), StringComparer.Ordinal);
        return JinjaTemplate.Parse("t", template).Render(variables, new TemplateLimits());
    }
}
