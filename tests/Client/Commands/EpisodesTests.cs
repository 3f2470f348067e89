namespace Axpo.Client.Tests.Commands;

public sealed class EpisodesTests
{
    [Fact]
    public async Task List_chooses_by_phase_step_and_outcome()
    {
        using var axpo = new AxpoConsole();
        await SampleRun.WriteEpisodesAsync(axpo.Folders, "r");
        (await axpo.RunAsync("episodes", "list", "r", "--json")).ShouldBe(ExitCode.Done);
        axpo.JsonLines().Select(l => (l.GetProperty("id").GetString(), l.GetProperty("outcome").GetString())).ShouldBe([("r/train/1/0/0", "wrong"), ("r/train/1/0/0/b0r1", "correct"), ("r/train/1/0/1", "void")]);
        await axpo.RunAsync("episodes", "list", "r", "--json", "--outcome", "void", "--step", "1", "--phase", "train");
        axpo.JsonLines().ShouldHaveSingleItem().GetProperty("cause").GetString().ShouldBe("tool-deadline");
        await axpo.RunAsync("episodes", "list", "r", "--json", "--step", "2");
        axpo.JsonLines().ShouldBeEmpty();
        await axpo.RunAsync("episodes", "list", "r", "--phase", "eval");
        axpo.Screen.ShouldContain("No episode of 'r' is stored that fits.");
        await axpo.RunAsync("episodes", "list", "r", "--limit", "1");
        axpo.Screen.ShouldContain("and 2 more");
        axpo.Screen.ShouldContain("r/train/1/0/0");
    }

    [Theory]
    [InlineData("error: --phase: 'trian': unknown; did you mean 'train'? there are eval, eval-t1, resample, rollout, train", "episodes", "list", "r", "--phase", "trian")]
    [InlineData("error: --outcome: 'right': unknown", "episodes", "list", "r", "--outcome", "right")]
    [InlineData("error: --limit: '0': expected a whole number of at least 1", "episodes", "list", "r", "--limit", "0")]
    [InlineData("error: ID: 'r/1': is no episode id; it should look like RUN/train/STEP/QUESTION/ROLLOUT[/bBOUNDARYrK or /tTURNrK]", "episodes", "show", "r/1")]
    [InlineData("error: episode: 'r/train/7/0/0' is not stored; see axpo episodes list r --phase train --step 7", "episodes", "show", "r/train/7/0/0")]
    [InlineData("error: ID: 'r/1': is no episode id; it should look like RUN/train/STEP/QUESTION/ROLLOUT[/bBOUNDARYrK or /tTURNrK]", "episodes", "replay", "r/1")]
    [InlineData("error: episode: 'r/train/7/0/0' is not stored; see axpo episodes list r --phase train --step 7", "episodes", "replay", "r/train/7/0/0")]
    [InlineData("error: run: there is no 's' in ", "episodes", "replay", "s/train/1/0/0")]
    [InlineData("error: ID: 'r/train/1/0/1': is Void (tool-deadline: python took too long): infrastructure cut it off, so there is nothing to compare", "episodes", "replay", "r/train/1/0/1")]
    public async Task What_is_wrong_is_named(string message, params string[] args)
    {
        using var axpo = new AxpoConsole();
        await SampleRun.WriteEpisodesAsync(axpo.Folders, "r");
        (await axpo.RunAsync(args)).ShouldBe(ExitCode.BadInput);
        axpo.Errors.ShouldHaveSingleItem().ShouldStartWith(message);
    }

    [Fact]
    public async Task Show_tells_an_episode_turn_by_turn()
    {
        using var axpo = new AxpoConsole();
        var (source, _, _) = await SampleRun.WriteEpisodesAsync(axpo.Folders, "r");
        (await axpo.RunAsync("episodes", "show", "r/train/1/0/0")).ShouldBe(ExitCode.Done);
        var lines = axpo.Screen.Split('\n').Select(l => l.TrimEnd()).ToArray();
        Find("outcome").ShouldContain("wrong, answered");
        Find("answer").ShouldContain("99");
        Find("answer").ShouldContain("truth " + Truth(source));
        lines.Count(l => l.Contains("turn 1", StringComparison.Ordinal)).ShouldBe(1);
        Find("think").ShouldContain("use python");
        Find("call").ShouldContain("python");
        lines.ShouldContain(l => l.Trim() == "print(1)");
        lines.ShouldContain(l => l.Trim() == "print(\u241b[31m)");
        Find("observation").ShouldContain("1\u241b]0;owned\u2407");
        lines.ShouldContain(l => l.StartsWith("answer", StringComparison.Ordinal) && l.Contains("<answer>", StringComparison.Ordinal));
        axpo.Screen.ShouldNotContain('\u001b');
        axpo.Screen.ShouldNotContain("template");
        axpo.Screen.ShouldNotContain("log-prob");

        string Find(string label) => lines.First(l => l.StartsWith(label + " ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_prefix_of_a_continuation_is_dimmed_and_its_own_part_is_not()
    {
        using var axpo = new AxpoConsole { IsTerminal = true };
        var (_, continuation, _) = await SampleRun.WriteEpisodesAsync(axpo.Folders, "r");
        (await axpo.RunAsync("episodes", "show", continuation.Id.ToString())).ShouldBe(ExitCode.Done);
        axpo.Screen.ShouldContain("\u001b[2m<think>use python</think>");
        axpo.Screen.ShouldContain("(opening tag inherited)");
        axpo.Screen.ShouldContain("r/train/1/0/0, whose first");
        var turn = axpo.Screen.Split('\n').Single(l => l.Contains("code: print(2)", StringComparison.Ordinal));
        turn.ShouldNotContain("\u001b[2m");
    }

    [Fact]
    public async Task Log_probs_come_on_demand_for_every_sampled_token()
    {
        using var axpo = new AxpoConsole();
        var (source, continuation, _) = await SampleRun.WriteEpisodesAsync(axpo.Folders, "r");
        (await axpo.RunAsync("episodes", "show", "r/train/1/0/0", "--log-probs")).ShouldBe(ExitCode.Done);
        axpo.Screen.ShouldContain("log-prob");
        (await axpo.RunAsync("episodes", "show", continuation.Id.ToString(), "--json", "--log-probs")).ShouldBe(ExitCode.Done);
        var json = axpo.Json();
        var tokens = json.GetProperty("sampledTokens").EnumerateArray().ToArray();
        tokens.Length.ShouldBe(continuation.LogProbs.Count(p => !float.IsNaN(p)));
        tokens.Count(t => t.GetProperty("inherited").GetBoolean()).ShouldBe(continuation.LogProbs.Take(continuation.InheritedTokens).Count(p => !float.IsNaN(p)));
        tokens[0].GetProperty("logProb").GetDouble().ShouldBe(-.25 * tokens[0].GetProperty("index").GetInt32());
        json.GetProperty("truth").GetString().ShouldBe(continuation.Answer);
        json.GetProperty("turns").EnumerateArray().Select(t => t.GetProperty("number").GetInt32()).ShouldBe([0, 1, 2]);
        string.Concat(json.GetProperty("turns").EnumerateArray().SelectMany(t => t.GetProperty("pieces").EnumerateArray()).Select(p => p.GetProperty("text").GetString())).ShouldContain("use python");
        source.Calls.ShouldHaveSingleItem();
    }

    [Fact]
    public async Task A_void_episode_tells_its_cause()
    {
        using var axpo = new AxpoConsole();
        var (_, _, lost) = await SampleRun.WriteEpisodesAsync(axpo.Folders, "r");
        await axpo.RunAsync("episodes", "show", lost.Id.ToString());
        axpo.Screen.ShouldContain("void, void, cause: tool-deadline");
        axpo.Screen.ShouldContain("python took too long");
        axpo.Screen.ShouldContain("attempt 3");
    }

    [Fact]
    public async Task A_model_that_has_moved_is_asked_for()
    {
        using var axpo = new AxpoConsole();
        await SampleRun.WriteEpisodesAsync(axpo.Folders, "r");
        (await axpo.RunAsync("episodes", "show", "r/train/1/0/0", "--model", axpo.Folder)).ShouldBe(ExitCode.BadInput);
        axpo.Errors.ShouldHaveSingleItem().ShouldStartWith($"error: --model: '{axpo.Folder}': the tokenizer that the episodes need cannot be read");
        (await axpo.RunAsync("episodes", "show", "r/train/1/0/0", "--model", SampleRun.Model)).ShouldBe(ExitCode.Done);
    }

    private static string Truth(Rollout rollout) => new Axpo.Silo.Runs.QuestionMix([(new Axpo.Environments.Suites.MentalArithmetic(), 1)])
        .Draw(SampleRun.Configuration.Seed, Phase.Train, 1, Split.Train, 2).Single(q => q.Id == rollout.QuestionId).Answer;
}
