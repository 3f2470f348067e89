namespace Axpo.Client.Tests.EndToEnd;

/// <summary>The shipped policy that sees, through everything: pictures drawn, shown, zoomed into with the real tool, answers judged.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class ShippedEyesTests
{
    private static readonly string _model = Path.Combine(SampleRun.Repository, "models", "axpo-tiny-vl");

    [Fact]
    public async Task It_zooms_into_pictures_of_digits_that_it_never_saw_and_gains_by_it()
    {
        using var axpo = new AxpoConsole();
        (await axpo.RunAsync(
            "eval", "--model", _model, "--set", "tasks.suites.find-digit=1", "--set", "evaluation.finalQuestions=40", "--set", "evaluation.samples=4", "--json")).ShouldBe(ExitCode.Done, axpo.Error);
        var figures = axpo.JsonLines()[^1].GetProperty("evalT1");
        var (zoomed, glanced) = (figures.GetProperty("accuracyTool").GetDouble(), figures.GetProperty("accuracyNoTool").GetDouble());
        figures.GetProperty("voidShare").GetDouble().ShouldBe(0);
        figures.GetProperty("toolUse").GetDouble().ShouldBeInRange(.25, .75);
        zoomed.ShouldBeGreaterThan(.25, "chance is .1");
        zoomed.ShouldBeGreaterThan(glanced);
    }
}
