using System.Globalization;
using Axpo.Training.Tokenization;
using CsCheck;
using Shouldly;
using Xunit;

namespace Axpo.Training.Tests.Tokenization;

public sealed class TextTokenizerTests : IClassFixture<TinyModel>
{
    private readonly TextTokenizer _tokenizer;

    public TextTokenizerTests(TinyModel model) => _tokenizer = model.Tokenizer;

    [Fact]
    public void Every_group_of_up_to_three_digits_is_one_token()
    {
        for (var n = 0; n < 1000; n++)
        {
            _tokenizer.Encode(n.ToString("000", CultureInfo.InvariantCulture)).Length.ShouldBe(1);
            _tokenizer.Encode(n.ToString(CultureInfo.InvariantCulture)).Length.ShouldBe(1);
        }
    }

    [Fact]
    public void Numbers_are_cut_left_to_right_and_alike_wherever_they_stand()
    {
        var number = _tokenizer.Encode("1234567");
        number.Select(t => _tokenizer.Decode([t])).ShouldBe(["123", "456", "7"]);
        _tokenizer.Encode("What is 1234567?")[^4..^1].ShouldBe(number);
        _tokenizer.EncodeTrusted("{\"code\":\"print(1234567)\"}}")[^4..^1].ShouldBe(number);
    }

    [Fact]
    public void A_name_has_the_same_tokens_wherever_it_stands()
    {
        foreach (var name in new[] { "Cambodia", "Hong Kong", "JFK" })
        {
            var tokens = _tokenizer.Encode(name);
            _tokenizer.Encode($"What is the capital of {name}?")[^(tokens.Length + 1)..^1].ShouldBe(tokens);
            _tokenizer.EncodeTrusted($"\\boxed{{{name}")[1..].ShouldBe(tokens);
            _tokenizer.EncodeTrusted($"query\":\"capital of {name}")[^tokens.Length..].ShouldBe(tokens);
            _tokenizer.Encode($"{name}; capital of {name}")[..tokens.Length].ShouldBe(tokens);
        }
    }

    [Fact]
    public void Any_text_comes_back() =>
        Gen.String.Where(s => s.EnumerateRunes().All(r => r.Value != 0xFFFD)).Sample(text => _tokenizer.Decode(_tokenizer.Encode(text)) == text);

    [Fact]
    public void Untrusted_text_never_holds_an_added_token()
    {
        var added = _tokenizer.AddedTokens.Values.ToHashSet();
        foreach (var tag in _tokenizer.AddedTokens.Keys)
        {
            _tokenizer.Encode($"a {tag}{tag} b").ShouldAllBe(t => !added.Contains(t));
            _tokenizer.EncodeTrusted(tag).ShouldBe([_tokenizer.Added(tag)]);
        }
    }

    [Fact]
    public void The_same_corpus_gives_the_same_file()
    {
        var one = Directory.CreateTempSubdirectory("axpo-test-").FullName;
        var two = Directory.CreateTempSubdirectory("axpo-test-").FullName;
        TinyTokenizerBuilder.Write(one, TinyModel.Corpus, 40, 40);
        TinyTokenizerBuilder.Write(two, TinyModel.Corpus, 40, 40);
        File.ReadAllText(Path.Combine(one, "tokenizer.json")).ShouldBe(File.ReadAllText(Path.Combine(two, "tokenizer.json")));
        Directory.Delete(one, true);
        Directory.Delete(two, true);
    }
}
