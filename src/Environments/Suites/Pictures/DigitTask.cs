namespace Axpo.Environments.Suites.Pictures;

/// <summary>What is asked of a picture, and the answer.</summary>
/// <param name="Openings">Four beginnings of a question; each goes with each ending.</param>
/// <param name="Endings">Four endings.</param>
/// <param name="Ending">The one that is asked.</param>
/// <param name="Answer">The answer.</param>
/// <param name="Verifier">Who judges it.</param>
internal sealed record DigitTask(string[] Openings, string[] Endings, int Ending, string Answer, string Verifier)
{
    /// <summary>Openings, and endings.</summary>
    public const int Wordings = 4;

    /// <summary>The admitted answers of a choice.</summary>
    public string[] Choices { get; init; } = [];
}
