using System.Runtime.CompilerServices;

namespace Axpo.Environments.Questions;

/// <summary>Cuts a stream at LF, and at nothing else, without decoding it.</summary>
internal static class LineReader
{
    /// <summary>Longest line that is kept; what a longer one holds is dropped while it is read.</summary>
    public const int MaxBytes = 8 << 20;

    /// <summary>Lines from 1. The bytes, none for a line over the limit, are valid until the next line is asked for.</summary>
    public static async IAsyncEnumerable<(int Number, ReadOnlyMemory<byte> Bytes, bool IsOver)> ReadAsync(Stream stream, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var buffer = new byte[64 << 10];
        var (start, end, number, isOver) = (0, 0, 1, false);
        while (true)
        {
            var length = buffer.AsSpan(start, end - start).IndexOf((byte)'\n');
            if (length >= 0)
            {
                isOver |= length > MaxBytes;
                yield return (number++, isOver ? default : buffer.AsMemory(start, length), isOver);
                (start, isOver) = (start + length + 1, false);
                continue;
            }

            isOver |= end - start > MaxBytes;
            if (isOver)
            {
                (start, end) = (0, 0);
            }

            buffer.AsSpan(start, end - start).CopyTo(buffer);
            (start, end) = (0, end - start);
            if (end == buffer.Length)
            {
                Array.Resize(ref buffer, 2 * buffer.Length);
            }

            var read = await stream.ReadAsync(buffer.AsMemory(end), cancellationToken);
            if (read == 0)
            {
                if (isOver || end > 0)
                {
                    yield return (number, buffer.AsMemory(0, end), isOver);
                }

                yield break;
            }

            end += read;
        }
    }
}
