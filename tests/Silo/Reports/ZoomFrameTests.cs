using Axpo.Core;
using Axpo.Silo.Reports;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Reports;

public sealed class ZoomFrameTests
{
    [Theory]
    [InlineData("""{"bbox_2d":[100,200,300.5,400]}""", 0, 100, 200, 300.5, 400)]
    [InlineData("""{"bbox_2d":[100,200,300,400],"img_idx":1,"label":"a digit"}""", 1, 100, 200, 300, 400)]
    [InlineData("""{"bbox_2d":[-50,0,2000,1e300]}""", 0, 0, 0, 1000, 1000)]
    public void A_box_that_can_be_read_is_cut_off_at_the_image(string arguments, int image, double x0, double y0, double x1, double y1) =>
        ZoomFrame.Of(Call(arguments), 2).ShouldBe(new ZoomFrame(image, x0, y0, x1, y1));

    [Theory]
    [InlineData("")]
    [InlineData("[1,2,3,4]")]
    [InlineData("""{"bbox_2d":[1,2,3,4]""")]
    [InlineData("""{"bbox_2d":"1,2,3,4"}""")]
    [InlineData("""{"bbox_2d":[1,2,3]}""")]
    [InlineData("""{"bbox_2d":[1,2,3,4,5]}""")]
    [InlineData("""{"bbox_2d":[1,2,"3",4]}""")]
    [InlineData("""{"bbox_2d":[1,2,null,4]}""")]
    [InlineData("""{"bbox_2d":[300,2,300,4]}""")]
    [InlineData("""{"bbox_2d":[3,2,1,4]}""")]
    [InlineData("""{"bbox_2d":[1000,0,1200,400]}""")]
    [InlineData("""{"bbox_2d":[-9,0,0,400]}""")]
    [InlineData("""{"bbox_2d":[1,2,3,4],"img_idx":2}""")]
    [InlineData("""{"bbox_2d":[1,2,3,4],"img_idx":-1}""")]
    [InlineData("""{"bbox_2d":[1,2,3,4],"img_idx":"0"}""")]
    [InlineData("""{"bbox_2d":[1,2,3,4],"img_idx":0.5}""")]
    [InlineData("""{"bbox_2d":[1,2,3,4],"img_idx":1e999}""")]
    [InlineData("""{"img_idx":0}""")]
    [InlineData("""{"bbox_2d":[1,2,3,4],"x":"\ud800"}\ud800""")]
    public void One_that_cannot_be_read_is_none(string arguments) => ZoomFrame.Of(Call(arguments), 2).ShouldBeNull();

    [Fact]
    public void Another_tools_call_is_none() => ZoomFrame.Of(Call("""{"bbox_2d":[1,2,3,4]}""") with { Name = "python" }, 2).ShouldBeNull();

    private static ToolCall Call(string arguments) => new()
    {
        Turn = 0,
        Start = 0,
        PrefixEnd = 1,
        End = 2,
        Closed = true,
        Name = "image_zoom_in",
        Arguments = arguments,
    };
}
