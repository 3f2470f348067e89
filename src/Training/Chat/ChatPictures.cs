using System.Globalization;
using Axpo.Core;
using Axpo.Imaging;

namespace Axpo.Training.Chat;

/// <summary>How a chat format writes images: by as many tokens of one id as the model's tower makes of each.</summary>
/// <param name="processor">How the model has them prepared.</param>
/// <param name="imageToken">The id.</param>
internal sealed class ChatPictures(PictureProcessor processor, int imageToken)
{
    /// <summary>Tokens of an image.</summary>
    /// <exception cref="InvalidDataException">Its sides cannot be cut into patches.</exception>
    public int Tokens(ImageRef image) => processor.Grid(image.Width, image.Height).Tokens(processor.MergeSize);

    /// <summary>Puts images in the place of the single tokens that a template writes for them.</summary>
    /// <param name="piece">The piece, one token an image.</param>
    /// <param name="images">The images, in order.</param>
    /// <exception cref="NotSupportedException">The template wrote another number of them.</exception>
    public EncodedPiece Place(EncodedPiece piece, IReadOnlyList<ImageRef> images)
    {
        var (tokens, placed) = (new List<int>(), new List<PlacedImage>());
        var moved = new int[piece.Tokens.Length + 1];
        for (var i = 0; i < piece.Tokens.Length; i++)
        {
            moved[i] = tokens.Count;
            if (piece.Tokens[i] != imageToken)
            {
                tokens.Add(piece.Tokens[i]);
                continue;
            }

            if (placed.Count < images.Count)
            {
                var image = images[placed.Count];
                placed.Add(new PlacedImage(image, tokens.Count, tokens.Count + Tokens(image)));
                tokens.AddRange(Enumerable.Repeat(imageToken, placed[^1].Length));
            }
            else
            {
                throw Wrong("more", images.Count);
            }
        }

        moved[^1] = tokens.Count;
        return placed.Count == images.Count
            ? new EncodedPiece([.. tokens], [.. piece.Segments.Select(s => s with { Start = moved[s.Start], End = moved[s.End] })]) { Images = [.. placed] }
            : throw Wrong(placed.Count.ToString(CultureInfo.InvariantCulture), images.Count);
    }

    /// <summary>From the first to behind the last of the single tokens that a template writes for images; an empty range at the end where there are none.</summary>
    public (int Start, int End) Range(int[] tokens) => Array.IndexOf(tokens, imageToken) is >= 0 and var first ? (first, Array.LastIndexOf(tokens, imageToken) + 1) : (tokens.Length, tokens.Length);

    /// <summary>Refuses other images than a question names, and any for a policy that reads text only.</summary>
    /// <exception cref="NotSupportedException">The question has images and the policy reads text only.</exception>
    /// <exception cref="ArgumentException">Other images than the question names.</exception>
    public static void Check(Question question, IReadOnlyList<ImageRef> images, ChatPictures? pictures)
    {
        if (question.Images.Length > 0 && pictures is null)
        {
            throw new NotSupportedException($"question '{question.Id}' has images, and this policy reads text only");
        }

        if (question.Images.Length != images.Count)
        {
            throw new ArgumentException($"question '{question.Id}' has {question.Images.Length} images, {images.Count} were given", nameof(images));
        }
    }

    /// <summary>Refuses the images of a tool where the policy reads text only.</summary>
    /// <exception cref="NotSupportedException">It does.</exception>
    public static void Check(string toolName, ToolResult result, ChatPictures? pictures)
    {
        if (result.Images.Length > 0 && pictures is null)
        {
            throw new NotSupportedException($"tool '{toolName}' answered with images, and this policy reads text only");
        }
    }

    private static NotSupportedException Wrong(string written, int given) => new($"chat template: wrote {written} images where {given} were given; a template of Qwen3-VL's kind writes each as one token");
}
