namespace Axpo.Client.Tests;

public class Placeholder { [Xunit.Fact] public void Ok() => Shouldly.ShouldBeTestExtensions.ShouldBe(1 + 1, 2); }
