namespace Axpo.Client.Tests;

public sealed class FormatsTests
{
    [Fact]
    public void No_escape_sequence_of_untrusted_text_reaches_the_terminal()
    {
        Formats.Untrusted("a\tb\nc").ShouldBe("a\tb\nc");
        Formats.Untrusted("\u001b[2J\u0007\r\u0000").ShouldBe("\u241b[2J\u2407\u240d\u2400");
        Formats.Untrusted("\u009b2J\u007f\u202egpj.exe\u2066").ShouldBe("\ufffd2J\ufffd\ufffdgpj.exe\ufffd");
    }
}
