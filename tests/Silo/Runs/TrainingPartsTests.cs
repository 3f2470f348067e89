using Axpo.Core;
using Axpo.Silo.Hosting;
using Axpo.Silo.Runs;
using Axpo.Silo.Storage;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Runs;

public sealed class TrainingPartsTests
{
    private const string Template = "{% for m in messages %}<user>{{ m.content }}<im_end>{% endfor %}{% if enable_thinking is defined %}{{ enable_thinking }}{% endif %}";

    [Theory]
    [InlineData(Thinking.Template, "")]
    [InlineData(Thinking.On, "True")]
    [InlineData(Thinking.Off, "False")]
    public void A_runs_chat_is_as_its_configuration_says(Thinking thinking, string end)
    {
        using var temp = new TempFolder();
        File.Copy(Path.Combine(ModelFolders.Resolve("models/axpo-tiny-gap"), "tokenizer.json"), Path.Combine(temp.Path, "tokenizer.json"));
        File.WriteAllText(Path.Combine(temp.Path, "tokenizer_config.json"), $$"""{"chat_template": "{{Template}}"}""");
        var configuration = new RunConfiguration { Model = temp.Path, Chat = new ChatOptions { Thinking = thinking, SystemPrompt = "Be brief." } };
        var chat = new TrainingParts(TimeProvider.System, NullLoggerFactory.Instance, new RunFolders(temp.Path)).LoadChat(configuration);
        var question = new Question { Id = "q", Suite = "s", Category = "reasoning", Text = "1+1?", Answer = "2", Verifier = "numeric" };
        chat.Decode(chat.EncodePrompt(question, []).Tokens).ShouldBe($"<user>Be brief.<im_end><user>1+1?<im_end>{end}");
    }
}
