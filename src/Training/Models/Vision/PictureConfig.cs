namespace Axpo.Training.Models.Vision;

/// <summary>What makes a decoder one that sees: its vision tower, the positions along which it turns, and the tokens that stand for pictures.</summary>
public sealed record PictureConfig
{
    /// <summary>The vision tower.</summary>
    public required VisionConfig Tower { get; init; }

    /// <summary>
    /// How many frequencies of a head turn with time, row and column, interleaved: frequency j is the row's if j % 3 = 1 and j is below three times the second number, the column's if j % 3 = 2 and j is below three times the third,
    /// else time's (<c>mrope_section</c>).
    /// </summary>
    public required IReadOnlyList<int> RopeSections { get; init; }

    /// <summary>Token that stands for a part of a picture.</summary>
    public required int ImageToken { get; init; }

    /// <summary>Token that stands for a part of a video; none is taken.</summary>
    public required int VideoToken { get; init; }

    /// <summary>Token before a picture.</summary>
    public required int VisionStartToken { get; init; }

    /// <summary>Token behind a picture.</summary>
    public required int VisionEndToken { get; init; }
}
