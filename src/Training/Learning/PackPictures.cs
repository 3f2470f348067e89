using Axpo.Core;
using Axpo.Training.Models.Vision;
using Axpo.Training.Pictures;

namespace Axpo.Training.Learning;

/// <summary>The images of sequences that are packed.</summary>
/// <param name="Images">Of each sequence, in order.</param>
/// <param name="Config">What the policy sees with.</param>
/// <param name="Reader">Where their patches come from.</param>
public sealed record PackPictures(IReadOnlyList<IReadOnlyList<PlacedImage>> Images, PictureConfig Config, PictureReader Reader)
{
    /// <summary>Those of sequences; null: none has any.</summary>
    /// <param name="images">Images of each sequence.</param>
    /// <param name="config">What the policy sees with; null: it reads text only.</param>
    /// <param name="reader">Where patches come from; null: nowhere.</param>
    /// <exception cref="InvalidOperationException">There are images, and nobody to see or to read them.</exception>
    public static PackPictures? Of(IReadOnlyList<IReadOnlyList<PlacedImage>> images, PictureConfig? config, PictureReader? reader) =>
        images.All(i => i.Count == 0) ? null
        : config is not null && reader is not null ? new PackPictures(images, config, reader)
        : throw new InvalidOperationException(config is null ? "sequences have images, and the policy reads text only" : "sequences have images, and there is no store to read them from");
}
