using Axpo.Core;
using Axpo.Training.Models.Vision;

namespace Axpo.Training.Generation;

/// <summary>The pictures among a session's tokens, and where they put those. Owned by the engine's thread.</summary>
internal sealed class SessionPictures
{
    private readonly List<ImageRef> _images = [];

    /// <summary>The positions of the session's tokens.</summary>
    public TokenPositions Positions { get; } = new();

    /// <summary>Pictures, in order; those of <see cref="TokenPositions.Pictures"/>.</summary>
    public IReadOnlyList<ImageRef> Images => _images;

    /// <summary>Puts a picture behind the others.</summary>
    public void Add(ImageRef image, PlacedGrid grid)
    {
        Positions.Add(grid.Start, grid.Rows, grid.Columns);
        _images.Add(image);
    }

    /// <summary>Takes another's pictures that lie wholly in its first tokens.</summary>
    public void AddFrom(SessionPictures other, int tokens)
    {
        for (var i = 0; i < other._images.Count && other.Positions.Pictures[i].End <= tokens; i++)
        {
            Add(other._images[i], other.Positions.Pictures[i]);
        }
    }

    /// <summary>Forgets the pictures that do not lie wholly in the first tokens.</summary>
    public void Truncate(int tokens)
    {
        Positions.Truncate(tokens);
        _images.RemoveRange(Positions.Pictures.Count, _images.Count - Positions.Pictures.Count);
    }
}
