namespace Axpo.Client.Tests;

public sealed class TextTests
{
    [Fact]
    public void No_escape_sequence_of_untrusted_text_reaches_the_terminal()
    {
        Text.Untrusted("a\tb\nc").ShouldBe("a\tb\nc");
        Text.Untrusted("\u001b[2J\u0007\r\u0000").ShouldBe("\u241b[2J\u2407\u240d\u2400");
        Text.Untrusted("\u009b2J\u007f\u202egpj.exe\u2066").ShouldBe("\ufffd2J\ufffd\ufffdgpj.exe\ufffd");
    }

    [Theory]
    [InlineData(0.2, "1 s")]
    [InlineData(59, "59 s")]
    [InlineData(200, "3 min 20 s")]
    [InlineData(3720, "1 h 02 min")]
    [InlineData(90000, "25 h 00 min")]
    public void Durations_are_short(double seconds, string text) => Text.Duration(TimeSpan.FromSeconds(seconds)).ShouldBe(text);

    [Fact]
    public void What_is_not_known_is_a_dash()
    {
        Text.Share(null).ShouldBe("-");
        Text.Share(double.NaN).ShouldBe("-");
        Text.Share(.2754).ShouldBe(".275");
        Text.Number(null).ShouldBe("-");
    }
}
