using Axpo.Training.Models.Vision;

namespace Axpo.Training.Models.Architectures;

/// <summary>A family that <see cref="VisionLanguageModel"/> computes: what its <c>config.json</c> means. A new one is one file and one line in <see cref="KnownArchitectures"/>.</summary>
internal interface IPictureArchitecture
{
    /// <summary><c>model_type</c>.</summary>
    string ModelType { get; }

    /// <summary>Reads the shape.</summary>
    /// <exception cref="NotSupportedException">A field would change the mathematics and is not supported; the message names it.</exception>
    /// <exception cref="InvalidDataException">A field is missing or has the wrong type.</exception>
    VisionLanguageConfig Read(ConfigFields fields);
}
