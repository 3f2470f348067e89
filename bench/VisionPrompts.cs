using Axpo.Core;
using Axpo.Training.Pictures;

namespace Axpo.Bench;

/// <summary>Tokens of prompts with a picture, its tags around it, between random text; and as much text.</summary>
internal static class VisionPrompts
{
    private const int TextBefore = 16;
    private const int TextBehind = 8;

    /// <summary>A prompt with a picture.</summary>
    /// <param name="shape">The model.</param>
    /// <param name="reader">Knows how many tokens stand for the picture.</param>
    /// <param name="image">The picture.</param>
    /// <param name="offset">Tokens before the prompt.</param>
    /// <param name="seed">Another one gives other text.</param>
    public static (int[] Tokens, PlacedImage Image) With(VisionShape shape, PictureReader reader, ImageRef image, int offset, int seed)
    {
        var (rows, columns) = reader.Tokens(image);
        var text = Requests.Tokens(TextBefore + TextBehind, seed, shape.TextTokens);
        int[] before = [.. text[..TextBefore], shape.Decoder.Pictures!.VisionStartToken];
        var start = offset + before.Length;
        return ([.. before, .. Enumerable.Repeat(shape.ImageToken, rows * columns), shape.Decoder.Pictures.VisionEndToken, .. text[TextBefore..]], new PlacedImage(image, start, start + (rows * columns)));
    }

    /// <summary>The same number of tokens, all of them text.</summary>
    public static int[] Without(VisionShape shape, int[] tokens, int seed) => Requests.Tokens(tokens.Length, seed, shape.TextTokens);
}
