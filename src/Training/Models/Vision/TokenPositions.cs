using Axpo.Training.Devices;
using static TorchSharp.torch;

namespace Axpo.Training.Models.Vision;

/// <summary>A picture among the tokens of a sequence.</summary>
/// <param name="Start">Its first token.</param>
/// <param name="Rows">Rows of tokens.</param>
/// <param name="Columns">Tokens a row.</param>
/// <param name="Position">Position at which it begins.</param>
public readonly record struct PlacedGrid(int Start, int Rows, int Columns, long Position)
{
    /// <summary>One past its last token.</summary>
    public int End => Start + (Rows * Columns);

    /// <summary>Position of the token behind it.</summary>
    public long After => Position + Math.Max(Rows, Columns);
}

/// <summary>
/// Positions of tokens along time, height and width (transformers <c>modeling_qwen3_vl.py</c>, <c>get_rope_index</c>). Text counts on in all three; a picture's tokens stand where it began plus their row and column, and what
/// follows goes on behind its longer side. A later picture changes <see cref="Delta"/>, and nothing before it.
/// </summary>
public sealed class TokenPositions
{
    private readonly List<PlacedGrid> _pictures = [];

    /// <summary>The pictures, in order.</summary>
    public IReadOnlyList<PlacedGrid> Pictures => _pictures;

    /// <summary>Puts a picture behind the others.</summary>
    /// <param name="start">Its first token.</param>
    /// <param name="rows">Rows of tokens.</param>
    /// <param name="columns">Tokens a row.</param>
    /// <exception cref="ArgumentException">It begins in another one, or before it.</exception>
    public void Add(int start, int rows, int columns)
    {
        if (rows <= 0 || columns <= 0 || start < (_pictures.Count == 0 ? 0 : _pictures[^1].End))
        {
            throw new ArgumentException($"a picture of {rows} x {columns} tokens cannot begin at token {start}: {(_pictures.Count == 0 ? "there is none before" : $"the one before ends at {_pictures[^1].End}")}", nameof(start));
        }

        _pictures.Add(new PlacedGrid(start, rows, columns, Next(start)));
    }

    /// <summary>Forgets the pictures that do not lie wholly in the first tokens.</summary>
    public void Truncate(int tokens) => _pictures.RemoveAll(p => p.End > tokens);

    /// <summary>The picture that a token stands for, by its place in <see cref="Pictures"/>; -1: none.</summary>
    public int PictureAt(int token)
    {
        var at = Before(token);
        return at >= 0 && token < _pictures[at].End ? at : -1;
    }

    /// <summary>Time, height and width of a token.</summary>
    public (long Time, long Height, long Width) At(int token)
    {
        var at = Before(token);
        if (at < 0)
        {
            return (token, token, token);
        }

        var picture = _pictures[at];
        if (token >= picture.End)
        {
            var next = picture.After + token - picture.End;
            return (next, next, next);
        }

        var inside = token - picture.Start;
        return (picture.Position, picture.Position + (inside / picture.Columns), picture.Position + (inside % picture.Columns));
    }

    /// <summary>Position of the text token behind the first so many.</summary>
    public long Next(int tokens) => _pictures.FindLast(p => p.End <= tokens) is { Rows: > 0 } last ? last.After + tokens - last.End : tokens;

    /// <summary>What is added to the number of tokens to have <see cref="Next"/> (<c>rope_deltas</c>): 0, or below where pictures are.</summary>
    public long Delta(int tokens) => Next(tokens) - tokens;

    /// <summary>[3, n] int64: time, height, width of the first tokens.</summary>
    public Tensor ToTensor(int tokens, Device device)
    {
        var values = new long[3 * tokens];
        for (var t = 0; t < tokens; t++)
        {
            (values[t], values[tokens + t], values[(2 * tokens) + t]) = At(t);
        }

        return device.Upload(values).view(3, tokens);
    }

    /// <summary>The last picture that begins at or before a token.</summary>
    private int Before(int token) => _pictures.FindLastIndex(p => p.Start <= token);
}
