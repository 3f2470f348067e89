using System.Text.Json.Nodes;

namespace Axpo.Training.Models.Architectures;

/// <summary>A family of decoders that <see cref="Decoder"/> computes: what its <c>config.json</c> means. A new one is one file and one line in <see cref="KnownArchitectures"/>.</summary>
internal interface IArchitecture
{
    /// <summary><c>model_type</c>.</summary>
    string ModelType { get; }

    /// <summary>The class of transformers, as <c>architectures</c> names it.</summary>
    string ClassName { get; }

    /// <summary>Reads the shape.</summary>
    /// <exception cref="NotSupportedException">A field would change the mathematics and is not supported; the message names it.</exception>
    /// <exception cref="InvalidDataException">A field is missing or has the wrong type.</exception>
    DecoderConfig Read(ConfigFields fields);

    /// <summary>Makes this architecture's <c>config.json</c> of what all say.</summary>
    /// <param name="config">The shape.</param>
    /// <param name="json">What all architectures say; the callee's.</param>
    JsonObject Write(DecoderConfig config, JsonObject json);
}
