using Axpo.Training.Models.Architectures;

namespace Axpo.Training.Models.Vision;

/// <summary>Shape of a model of pictures and text: a vision tower and a decoder.</summary>
public sealed record VisionLanguageConfig
{
    /// <summary>Architectures that <see cref="VisionLanguageModel"/> computes exactly.</summary>
    public static IReadOnlyList<string> SupportedModelTypes => KnownArchitectures.PictureModelTypes;

    /// <summary><c>model_type</c>.</summary>
    public required string ModelType { get; init; }

    /// <summary>The decoder.</summary>
    public required DecoderConfig Text { get; init; }

    /// <summary>The vision tower.</summary>
    public required VisionConfig Vision { get; init; }

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

    /// <summary>Reads <c>config.json</c> of a model folder.</summary>
    /// <exception cref="FileNotFoundException">There is none.</exception>
    /// <exception cref="NotSupportedException">The architecture, or a field that would change the mathematics, is not supported; the message names it.</exception>
    /// <exception cref="InvalidDataException">A field is missing or has the wrong type.</exception>
    public static VisionLanguageConfig FromFolder(string folder)
    {
        var path = Path.Combine(folder, "config.json");
        return File.Exists(path)
            ? KnownArchitectures.ReadWithPictures(path, DecoderConfig.Parse(path))
            : throw new FileNotFoundException($"model: '{folder}' holds no config.json; give a Hugging Face model folder", path);
    }
}
