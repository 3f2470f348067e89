using SkiaSharp;

namespace Axpo.Imaging;

/// <summary>
/// Files to pictures: PNG, JPEG, WebP, GIF (the first frame) and BMP. Sides and size are checked before anything is decoded; what is damaged or cut off is refused. Turned upright where EXIF says how; colour profiles are not applied, as in Pillow.
/// </summary>
public static class PictureDecoder
{
    /// <summary>What is read: each format more is a parser more that hostile files reach.</summary>
    private static readonly SKEncodedImageFormat[] _formats = [SKEncodedImageFormat.Png, SKEncodedImageFormat.Jpeg, SKEncodedImageFormat.Webp, SKEncodedImageFormat.Gif, SKEncodedImageFormat.Bmp];

    /// <summary>Sides of the picture in a file, upright, as its header says them; nothing is decoded.</summary>
    /// <param name="file">Its bytes.</param>
    /// <exception cref="InvalidDataException">It is of another format, or damaged at its beginning.</exception>
    public static (int Width, int Height) Size(ReadOnlySpan<byte> file)
    {
        using var data = SKData.CreateCopy(file);
        using var codec = Open(data);
        var turned = codec.EncodedOrigin is SKEncodedOrigin.LeftTop or SKEncodedOrigin.RightTop or SKEncodedOrigin.RightBottom or SKEncodedOrigin.LeftBottom;
        return turned ? (codec.Info.Height, codec.Info.Width) : (codec.Info.Width, codec.Info.Height);
    }

    /// <summary>Format of a file, as its name ends: <c>png</c>, <c>jpg</c>, <c>webp</c>, <c>gif</c> or <c>bmp</c>.</summary>
    /// <param name="file">Its bytes.</param>
    /// <exception cref="InvalidDataException">It is of another format, or damaged at its beginning.</exception>
    public static string Format(ReadOnlySpan<byte> file)
    {
        using var data = SKData.CreateCopy(file);
        using var codec = Open(data);
        return codec.EncodedFormat switch
        {
            SKEncodedImageFormat.Png => "png",
            SKEncodedImageFormat.Jpeg => "jpg",
            SKEncodedImageFormat.Webp => "webp",
            SKEncodedImageFormat.Gif => "gif",
            _ => "bmp",
        };
    }

    /// <summary>Decodes a file.</summary>
    /// <param name="file">Its bytes.</param>
    /// <param name="limits">How much it may ask for; null: <see cref="PictureLimits.Default"/>.</param>
    /// <exception cref="InvalidDataException">Too large, of another format, damaged or cut off; the message says which.</exception>
    /// <exception cref="NotSupportedException">An interlaced PNG file with 16 bits of grey.</exception>
    public static Picture Decode(ReadOnlySpan<byte> file, PictureLimits? limits = null)
    {
        limits ??= PictureLimits.Default;
        if (file.Length > limits.FileBytes)
        {
            throw new InvalidDataException($"picture: {file.Length} bytes are more than the {limits.FileBytes} that are read");
        }

        using var data = SKData.CreateCopy(file);
        using var codec = Open(data);
        var (width, height) = (codec.Info.Width, codec.Info.Height);
        if (width <= 0 || height <= 0 || (long)width * height > limits.Pixels)
        {
            throw new InvalidDataException($"picture: {width} x {height} pixels are more than the {limits.Pixels} that are decoded");
        }

        var png = PngHeader.Read(file);
        // Pillow reads a PNG file of RGB without an alpha channel as opaque and does not look at a transparent colour.
        var rgb = png is { BitDepth: 16, ColourType: 0 } ? Grey16.Rgb(file, width, height)
            : png is { ColourType: 0 } && codec.Info is { ColorType: SKColorType.Gray8, AlphaType: SKAlphaType.Opaque } ? Grey8.Rgb(Pixels(codec, new SKImageInfo(width, height, SKColorType.Gray8, SKAlphaType.Opaque)))
            : WhiteGround.Over(Pixels(codec, new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul)), opaque: png is { ColourType: 2 });
        return Orientation.Upright(new Picture(width, height, rgb), codec.EncodedOrigin);
    }

    private static SKCodec Open(SKData data)
    {
        var codec = SKCodec.Create(data);
        if (codec is not null && _formats.Contains(codec.EncodedFormat))
        {
            return codec;
        }

        codec?.Dispose();
        throw new InvalidDataException("picture: neither PNG, JPEG, WebP, GIF nor BMP, or damaged at its beginning");
    }

    /// <summary>Decodes. Not premultiplied: a transparent pixel keeps its colour to the byte. No colour space: none is converted to.</summary>
    private static unsafe byte[] Pixels(SKCodec codec, SKImageInfo info)
    {
        var pixels = new byte[info.BytesSize64];
        fixed (byte* at = pixels)
        {
            var result = codec.GetPixels(info, (IntPtr)at);
            return result switch
            {
                SKCodecResult.Success => pixels,
                SKCodecResult.IncompleteInput => throw new InvalidDataException($"picture: the {codec.EncodedFormat} file of {info.Width} x {info.Height} pixels is cut off"),
                _ => throw new InvalidDataException($"picture: the {codec.EncodedFormat} file of {info.Width} x {info.Height} pixels is damaged ({result})"),
            };
        }
    }
}
