using System.Text;
using Axpo.Training.Tokenization;

namespace Axpo.Training.Chat;

/// <summary>A tag of a chat format.</summary>
/// <param name="Text">Its text, ASCII.</param>
/// <param name="Id">Its token, where the tokenizer has one; else it is found in the text of tokens.</param>
internal sealed record Tag(string Text, int? Id)
{
    /// <summary>Its text as bytes.</summary>
    public byte[] Bytes { get; } = Encoding.ASCII.GetBytes(Text);

    /// <summary>A tag of a tokenizer.</summary>
    public static Tag Of(TextTokenizer tokenizer, string text) => new(text, tokenizer.AddedTokens.TryGetValue(text, out var id) ? id : null);
}

/// <summary>A tag that was found.</summary>
/// <param name="Tag">Which one.</param>
/// <param name="Start">The token in which it begins.</param>
/// <param name="End">One past the token in which it ends, whatever else that token holds.</param>
/// <param name="ByteStart">Its first byte in the bytes of all tokens.</param>
/// <param name="ByteEnd">One past its last byte.</param>
internal readonly record struct TagHit(Tag Tag, int Start, int End, int ByteStart, int ByteEnd);

/// <summary>
/// Finds tags in tokens as they come: one that is a token by its id, never spelled out; any other in the bytes, wherever token boundaries lie, but never across or inside an added token.
/// </summary>
internal sealed class TagFinder(TextTokenizer tokenizer, IReadOnlyList<Tag> tags, IReadOnlySet<int> added)
{
    private readonly List<byte> _bytes = [];
    private readonly List<int> _starts = [];

    /// <summary>Where text that may hold a tag begins: after the last tag or added token.</summary>
    private int _open;

    /// <summary>Tokens so far.</summary>
    public int Count => _starts.Count;

    /// <summary>Takes a token and adds what it completes.</summary>
    public void Append(int token, List<TagHit> hits)
    {
        var index = Count;
        _starts.Add(_bytes.Count);
        foreach (var b in tokenizer.Bytes(token))
        {
            _bytes.Add(b);
            if (!added.Contains(token) && tags.FirstOrDefault(tag => tag.Id is null && IsAtEnd(tag)) is { } tag)
            {
                var start = _bytes.Count - tag.Bytes.Length;
                hits.Add(new TagHit(tag, TokenOf(start), index + 1, start, _bytes.Count));
                _open = _bytes.Count;
            }
        }

        if (added.Contains(token))
        {
            _open = _bytes.Count;
            if (tags.FirstOrDefault(tag => tag.Id == token) is { } tag)
            {
                hits.Add(new TagHit(tag, index, index + 1, _starts[index], _bytes.Count));
            }
        }
    }

    /// <summary>Text of a range of bytes.</summary>
    public string Text(int start, int end) => Encoding.UTF8.GetString([.. _bytes[start..end]]);

    private bool IsAtEnd(Tag tag)
    {
        var start = _bytes.Count - tag.Bytes.Length;
        if (start < _open)
        {
            return false;
        }

        for (var i = 0; i < tag.Bytes.Length; i++)
        {
            if (_bytes[start + i] != tag.Bytes[i])
            {
                return false;
            }
        }

        return true;
    }

    private int TokenOf(int position)
    {
        var found = _starts.BinarySearch(position);
        if (found < 0)
        {
            return ~found - 1;
        }

        // Tokens without bytes share their start with the one that follows, which is meant.
        while (found + 1 < _starts.Count && _starts[found + 1] == position)
        {
            found++;
        }

        return found;
    }
}
