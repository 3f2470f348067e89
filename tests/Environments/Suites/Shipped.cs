using Axpo.Environments.Suites;
using Axpo.Environments.Suites.Pictures;

namespace Axpo.Environments.Tests.Suites;

/// <summary>The suites as shipped.</summary>
internal static class Shipped
{
    public static readonly ITaskSuite[] Suites = [new MentalArithmetic(), new ArithmeticSuite(), new CalendarSuite(), new FactSuite(), new FactChainSuite(2, 8), new FindDigitSuite(), new CompareDigitsSuite(2, 4), new SumDigitsSuite(2, 12), new PictureFactSuite(3, 4)];

    public static TheoryData<string> Names => [.. Suites.Select(s => s.Name)];

    public static ITaskSuite Suite(string name) => Suites.Single(s => s.Name == name);

    public static ChanceKey Key(ulong seed) => ChanceKey.Root(seed).With("tests");
}
