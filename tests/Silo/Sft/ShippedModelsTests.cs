using Axpo.Core;
using Axpo.Environments.Suites;
using Axpo.Environments.Tools.Search;
using Axpo.Environments.Verifiers;
using Axpo.Silo.Sft;
using Axpo.Training.Chat;
using Axpo.Training.Models;
using Axpo.Training.Tokenization;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Sft;

/// <summary>What the shipped checkpoints promise.</summary>
public sealed class ShippedModelsTests
{
    public static TheoryData<string> Names => [.. ShippedModels.Folders.Select(f => Path.GetFileName(f)!)];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_checkpoint_loads_is_small_and_says_how_it_was_made(string name)
    {
        var folder = ShippedModels.Folder(name);
        Directory.GetFiles(folder).Sum(f => new FileInfo(f).Length).ShouldBeLessThan(16_000_000);
        File.ReadAllText(Path.Combine(folder, "README.md")).ShouldContain($"axpo sft --recipe {Recipe(name)} {(SftRecipes.Get(Recipe(name)).From is null ? "" : "--model two ")}--out models/{name}");
        SftRecipes.Names.ShouldContain(Recipe(name));
        using var decoder = Decoder.Load(folder);
        var chat = ChatFormats.FromFolder(folder);
        decoder.Config.VocabSize.ShouldBe(chat.VocabularySize);
        chat.StopTokens.ShouldContain(decoder.Config.EosTokenId!.Value);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_recorded_command_still_makes_the_tokenizer_byte_for_byte(string name)
    {
        using var temp = new TempFolder();
        TinyModels.WriteTokenizer(temp.Path, SftRecipes.Get(Recipe(name)).Sees);
        foreach (var file in Directory.GetFiles(temp.Path))
        {
            File.ReadAllBytes(Path.Combine(ShippedModels.Folder(name), Path.GetFileName(file))).ShouldBe(File.ReadAllBytes(file), Path.GetFileName(file));
        }
    }

    [Fact]
    public void The_gap_checkpoint_calls_on_a_minority_of_held_out_questions_when_it_samples()
    {
        var folder = ShippedModels.Folder("axpo-tiny-gap");
        var tokenizer = TextTokenizer.FromFolder(folder);
        var chat = ChatFormats.FromFolder(folder);
        using var decoder = Decoder.Load(folder);
        var think = tokenizer.Added("<think>");
        var call = tokenizer.Encode("use python")[0];
        var mental = tokenizer.Encode("I can do it")[0];
        var (calls, mentals) = (0.0, 0.0);
        var questions = new MentalArithmetic().Draw(Split.Test, ChanceKey.Root(11), 160);
        foreach (var question in questions)
        {
            var next = ShippedModels.Next(decoder, [.. chat.EncodePrompt(question, []).Tokens, think]);
            calls += next[call] / questions.Count;
            mentals += next[mental] / questions.Count;
        }

        calls.ShouldBeInRange(.15, .35);
        (calls + mentals).ShouldBeGreaterThan(.98);
    }

    [Theory]
    [InlineData("axpo-tiny-gap", "mental-arithmetic", 1)]
    [InlineData("axpo-tiny", "arithmetic", .5)]
    [InlineData("axpo-tiny", "fact", .5)]
    public void After_the_opening_tag_the_call_is_well_formed(string model, string suiteName, double rightArguments)
    {
        var folder = ShippedModels.Folder(model);
        (ITaskSuite Suite, ITeacher Teacher) parts = suiteName switch
        {
            "mental-arithmetic" => (new MentalArithmetic(), new MentalArithmetic()),
            "arithmetic" => (new ArithmeticSuite(), new ArithmeticSuite()),
            _ => (new FactSuite(), new FactSuite()),
        };
        var chat = ChatFormats.FromFolder(folder);
        using var decoder = Decoder.Load(folder);
        var questions = parts.Suite.Draw(Split.Test, ChanceKey.Root(12), 20);
        var (wellFormed, right) = (0, 0);
        foreach (var question in questions)
        {
            var trace = chat.EncodeTrace(parts.Teacher.Demonstrate(question, true, ChanceKey.Root(13)), []);
            var call = trace.Segments.First(s => s.Kind == SegmentKind.ToolCall);
            var prompt = trace.Segments[0].End;
            var sampled = ShippedModels.Greedy(decoder, chat, trace.Tokens.Take(call.Start + 1), 48);
            var turn = chat.ParseTurn(trace.Tokens.AsSpan(prompt, call.Start + 1 - prompt), sampled);
            wellFormed += turn is { CallError: null, Call.Closed: true } ? 1 : 0;
            right += sampled.AsSpan().SequenceEqual(trace.Tokens.AsSpan(call.Start + 1, call.End - call.Start - 1)) ? 1 : 0;
        }

        wellFormed.ShouldBeGreaterThanOrEqualTo(19);
        if (rightArguments < 1)
        {
            right.ShouldBeGreaterThanOrEqualTo((int)(rightArguments * questions.Count));
        }
    }

    [Theory]
    [InlineData(1, .4)]
    [InlineData(2, .25)]
    public async Task The_tiny_checkpoint_searches_for_names_it_never_saw_and_answers_with_what_it_finds(int hops, double right)
    {
        const int Count = 20;
        var folder = ShippedModels.Folder("axpo-tiny");
        var chat = ChatFormats.FromFolder(folder);
        using var decoder = Decoder.Load(folder);
        using var tool = new WebSearchTool(FactIndex.Shared, new WebSearchOptions());
        await using var search = await tool.OpenAsync(new ToolSessionContext("test", ChanceKey.Root(14)), TestContext.Current.CancellationToken);
        ITaskSuite suite = hops == 1 ? new FactSuite() : new FactChainSuite(hops, hops);
        var correct = 0;
        foreach (var question in suite.Draw(Split.Test, ChanceKey.Root(15), Count))
        {
            List<int> tokens = [.. chat.EncodePrompt(question, []).Tokens];
            for (var turn = 0; turn < hops + 2; turn++)
            {
                var sampled = ShippedModels.Greedy(decoder, chat, tokens, 64);
                tokens.AddRange(sampled);
                var parsed = chat.ParseTurn([], sampled);
                if (parsed is not { CallError: null, Call: { Closed: true } call })
                {
                    correct += parsed.Boxed is { } answer && await new ExactVerifier().VerifyAsync(question, answer, TestContext.Current.CancellationToken) == Verdict.Correct ? 1 : 0;
                    break;
                }

                call.Name.ShouldBe("web_search");
                tokens.AddRange(chat.EncodeObservation(call.Name, await search.InvokeAsync(new ToolInvocation(call.Arguments), TestContext.Current.CancellationToken), turnIsClosed: false).Tokens);
            }
        }

        correct.ShouldBeGreaterThanOrEqualTo((int)(right * Count));
    }

    /// <summary>The recipe of a shipped folder.</summary>
    private static string Recipe(string folder) => folder switch
    {
        "axpo-tiny-gap" => "gap",
        "axpo-tiny" => "tiny",
        "axpo-tiny-vl" => "tiny-vl-reading",
        _ => folder["axpo-".Length..],
    };
}
