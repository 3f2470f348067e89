using System.Text;

namespace Axpo.Training.Chat.Jinja;

/// <summary>
/// Text that knows of every UTF-16 unit whether it is untrusted. A template's own text is trusted; what it cuts, joins or quotes keeps what it was, so that a rendered prompt tells the
/// template's tags from text that only looks like them. Immutable.
/// </summary>
public sealed class TemplateText
{
    private readonly bool[]? _untrusted;

    private TemplateText(string value, bool[]? untrusted) => (Value, _untrusted) = (value, untrusted);

    /// <summary>No text.</summary>
    public static TemplateText Empty { get; } = new("", null);

    /// <summary>The text.</summary>
    public string Value { get; }

    /// <summary>UTF-16 units.</summary>
    public int Length => Value.Length;

    /// <summary>For each UTF-16 unit whether it is untrusted; empty where nothing is.</summary>
    public ReadOnlySpan<bool> Untrusted => _untrusted;

    /// <summary>Text that a template wrote, or that may hold tags.</summary>
    public static TemplateText Trust(string value) => new(value, null);

    /// <summary>Text in which nothing is a tag, whatever it looks like.</summary>
    public static TemplateText Distrust(string value)
    {
        var flags = new bool[value.Length];
        Array.Fill(flags, true);
        return new TemplateText(value, flags);
    }

    /// <summary>A part.</summary>
    internal TemplateText Slice(int start, int end) =>
        start == 0 && end == Length ? this : start >= end ? Empty : new TemplateText(Value[start..end], _untrusted?[start..end]);

    /// <summary>The same flags under another text of the same length.</summary>
    internal TemplateText With(Func<string, string> change)
    {
        var changed = change(Value);
        return changed.Length == Length ? new TemplateText(changed, _untrusted) : throw new InvalidOperationException("the change must keep the length");
    }

    /// <inheritdoc/>
    public override string ToString() => Value;

    /// <summary>Collects text.</summary>
    internal sealed class Builder
    {
        private readonly StringBuilder _text = new();
        private readonly List<bool> _untrusted = [];
        private bool _isTainted;

        /// <summary>UTF-16 units so far.</summary>
        public int Length => _text.Length;

        /// <summary>Appends text with its flags.</summary>
        public Builder Append(TemplateText text)
        {
            _text.Append(text.Value);
            if (text._untrusted is null)
            {
                return Flag(text.Length, false);
            }

            _isTainted = true;
            _untrusted.AddRange(text._untrusted);
            return this;
        }

        /// <summary>Appends text of one flag.</summary>
        public Builder Append(string text, bool untrusted = false)
        {
            _text.Append(text);
            return Flag(text.Length, untrusted);
        }

        /// <summary>What was collected.</summary>
        public TemplateText Done() => Length == 0 ? Empty : new TemplateText(_text.ToString(), _isTainted ? [.. _untrusted] : null);

        private Builder Flag(int count, bool untrusted)
        {
            _isTainted |= untrusted && count > 0;
            var end = _untrusted.Count + count;
            _untrusted.EnsureCapacity(end);
            while (_untrusted.Count < end)
            {
                _untrusted.Add(untrusted);
            }

            return this;
        }
    }
}
