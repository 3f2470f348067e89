namespace Axpo.Client.Tests;

public sealed class CommandLineErrorsTests
{
    [Theory]
    [InlineData("docter", "error: axpo: 'docter': unknown command; did you mean 'doctor'? there are ")]
    [InlineData("runs lits", "error: axpo runs: 'lits': unknown command; did you mean 'list'? there are ")]
    [InlineData("runs", "error: axpo runs: needs a command; there are ")]
    [InlineData("--jsn", "error: axpo: '--jsn': unknown option; did you mean '--json'? there are --help, --json, --no-color, --runs, --verbose, --version")]
    [InlineData("episodes list r --stpe 3", "error: axpo episodes list: '--stpe': unknown option; did you mean '--step'? there are --help, --json, --limit, --no-color, --outcome, --phase, --runs, --step, --verbose, --version")]
    [InlineData("episodes list r --step three", "error: --step: 'three': expected a whole number")]
    [InlineData("sft --recipe gap --out x --seed -1", "error: seed: '-1': expected a whole number from 0 to")]
    [InlineData("sft --out x", "error: --recipe: needs a value NAME")]
    [InlineData("sft --out x --recipe", "error: --recipe: needs a value NAME")]
    [InlineData("runs show", "error: axpo runs show: needs RUN; see axpo runs show --help")]
    [InlineData("runs show a b", "error: axpo runs show: 'b': one argument too many; see axpo runs show --help")]
    [InlineData("doctor @file", "error: axpo doctor: '@file': one argument too many; see axpo doctor --help")]
    public async Task A_wrong_command_line_is_bad_input_and_names_what_is_right(string line, string message)
    {
        using var axpo = new AxpoConsole();
        (await axpo.RunAsync(line.Split(' '))).ShouldBe(ExitCode.BadInput);
        axpo.Errors.Length.ShouldBe(1);
        axpo.Errors[0].ShouldStartWith(message);
        (axpo.Output + axpo.Screen).ShouldBeEmpty();
    }

    [Fact]
    public async Task Machines_get_the_same_as_one_line_of_JSON_on_stderr()
    {
        using var axpo = new AxpoConsole();
        (await axpo.RunAsync("doctor", "--json", "--vrebose")).ShouldBe(ExitCode.BadInput);
        using var json = System.Text.Json.JsonDocument.Parse(axpo.Errors.ShouldHaveSingleItem());
        json.RootElement.GetProperty("exitCode").GetInt32().ShouldBe(2);
        json.RootElement.GetProperty("error").GetString().ShouldBe("bad-input");
        var problem = json.RootElement.GetProperty("problems").EnumerateArray().ShouldHaveSingleItem();
        (problem.GetProperty("field").GetString(), problem.GetProperty("value").GetString()).ShouldBe(("axpo doctor", "--vrebose"));
        problem.GetProperty("remedy").GetString()!.ShouldContain("did you mean '--verbose'?");
        (axpo.Output + axpo.Screen).ShouldBeEmpty();
    }

    [Fact]
    public async Task Help_is_no_error()
    {
        using var axpo = new AxpoConsole();
        (await axpo.RunAsync()).ShouldBe(ExitCode.Done);
        axpo.Output.ShouldContain("doctor");
        (await axpo.RunAsync("runs", "show", "--help")).ShouldBe(ExitCode.Done);
        axpo.Output.ShouldContain("<RUN>");
        axpo.Error.ShouldBeEmpty();
    }
}
