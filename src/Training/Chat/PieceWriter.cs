using Axpo.Core;

namespace Axpo.Training.Chat;

/// <summary>Puts tokens with their segments end to end.</summary>
internal sealed class PieceWriter
{
    private readonly List<int> _tokens = [];
    private readonly List<Segment> _segments = [];
    private readonly List<PlacedImage> _images = [];

    /// <summary>Appends tokens of one kind; none leave no segment.</summary>
    public void Add(SegmentKind kind, params ReadOnlySpan<int> tokens)
    {
        if (tokens.Length > 0)
        {
            _segments.Add(new Segment(kind, _tokens.Count, _tokens.Count + tokens.Length));
            _tokens.AddRange(tokens);
        }
    }

    /// <summary>Appends a piece.</summary>
    public void Add(EncodedPiece piece)
    {
        var at = _tokens.Count;
        _segments.AddRange(piece.Segments.Select(segment => segment.Shift(at)));
        _images.AddRange(piece.Images.Select(image => image.Shift(at)));
        _tokens.AddRange(piece.Tokens);
    }

    /// <summary>What was put together.</summary>
    public EncodedPiece Done() => new([.. _tokens], [.. _segments]) { Images = [.. _images] };
}
