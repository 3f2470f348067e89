using System.Globalization;

namespace Axpo.Bench;

/// <summary>One line of the table: two sides that were measured in this process, interleaved, and their ratio.</summary>
/// <param name="What">What is compared.</param>
/// <param name="Ours">Our side, with its unit.</param>
/// <param name="Against">The other side, with its unit.</param>
/// <param name="Ratio">Ours against the other, larger is better unless the budget says "at most"; null: not measured.</param>
/// <param name="Budget">What is asked.</param>
/// <param name="Verdict">Met, missed, context, or not measured.</param>
internal sealed record Row(string What, string Ours, string Against, double? Ratio, string Budget, string Verdict)
{
    /// <summary>A ratio that should be at least so much.</summary>
    public static Row AtLeast(string what, string ours, string against, double ratio, double budget) =>
        new(what, ours, against, ratio, string.Create(CultureInfo.InvariantCulture, $"at least {budget}"), Judge(ratio >= budget));

    /// <summary>A ratio that should be at most so much.</summary>
    public static Row AtMost(string what, string ours, string against, double ratio, double budget) =>
        new(what, ours, against, ratio, string.Create(CultureInfo.InvariantCulture, $"at most {budget}"), Judge(ratio <= budget));

    /// <summary>A ratio that explains the others.</summary>
    public static Row Context(string what, string ours, string against, double ratio) => new(what, ours, against, ratio, "", "context");

    /// <summary>A row that could not be measured here.</summary>
    public static Row Absent(string what, string why, string budget) => new(what, why, "", null, budget, "not measured");

    private static string Judge(bool met) => met ? "met" : "**missed**";
}
