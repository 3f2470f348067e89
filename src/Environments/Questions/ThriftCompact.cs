namespace Axpo.Environments.Questions;

/// <summary>
/// Reads structs of Thrift's compact protocol, in which Parquet writes its footer and page headers: bounded in depth, and no length goes beyond the bytes that are there.
/// What is admitted here is small enough for a reader that trusts it.
/// </summary>
/// <param name="bytes">Begin with the struct.</param>
internal ref struct ThriftCompact(ReadOnlySpan<byte> bytes)
{
    private const int MaxDepth = 32;
    private readonly ReadOnlySpan<byte> _bytes = bytes;

    /// <summary>Bytes read so far.</summary>
    public int At { get; private set; }

    /// <summary>Reads a struct.</summary>
    /// <returns>Fields by id: <see cref="long"/>, a struct, or a list of structs; of all others null.</returns>
    /// <exception cref="EndOfStreamException">The bytes end within it.</exception>
    /// <exception cref="InvalidDataException">It is no such struct, or too deep.</exception>
    public Dictionary<int, object?> Struct(int depth = 0)
    {
        Require(depth <= MaxDepth, "structs lie too deep in each other");
        var fields = new Dictionary<int, object?>(4);
        for (var id = 0; ;)
        {
            var head = Byte();
            if (head == 0)
            {
                return fields;
            }

            id = head >> 4 == 0 ? (int)ZigZag() : id + (head >> 4);
            fields[id] = Value(head & 15, depth, isField: true);
        }
    }

    private object? Value(int type, int depth, bool isField)
    {
        switch (type)
        {
            case 1 or 2:
                return isField ? null : Byte() * 0L;
            case 3:
                return (long)Byte();
            case 4 or 5 or 6:
                return ZigZag();
            case 7:
                return Skip(8);
            case 8:
                return Skip(Length(Varint()));
            case 9 or 10:
                var head = Byte();
                return List(Length(head >> 4 == 15 ? Varint() : (ulong)(head >> 4)), head & 15, depth);
            case 11:
                var count = Length(Varint());
                var kinds = count == 0 ? 0 : Byte();
                for (var i = 0; i < count; i++)
                {
                    Value(kinds >> 4, depth + 1, isField: false);
                    Value(kinds & 15, depth + 1, isField: false);
                }

                return null;
            case 12:
                return Struct(depth + 1);
            case 13:
                return Skip(16);
            default:
                throw new InvalidDataException($"unknown type {type} in its metadata");
        }
    }

    private List<Dictionary<int, object?>>? List(int count, int type, int depth)
    {
        Require(depth <= MaxDepth, "lists lie too deep in each other");
        var structs = type == 12 ? new List<Dictionary<int, object?>>() : null;
        for (var i = 0; i < count; i++)
        {
            if (structs is null)
            {
                Value(type, depth + 1, isField: false);
            }
            else
            {
                structs.Add(Struct(depth + 1));
            }
        }

        return structs;
    }

    /// <summary>A length or count: what it counts takes a byte at least.</summary>
    private readonly int Length(ulong length) => length <= (ulong)(_bytes.Length - At) ? (int)length : throw new EndOfStreamException("its metadata is cut off");

    private object? Skip(int length)
    {
        At += Length((ulong)length);
        return null;
    }

    private byte Byte() => At < _bytes.Length ? _bytes[At++] : throw new EndOfStreamException("its metadata is cut off");

    private long ZigZag()
    {
        var value = Varint();
        return (long)(value >> 1) ^ -(long)(value & 1);
    }

    private ulong Varint()
    {
        var value = 0UL;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var b = Byte();
            value |= (ulong)(b & 127) << shift;
            if (b < 128)
            {
                return value;
            }
        }

        throw new InvalidDataException("a number in its metadata is too long");
    }

    private static void Require(bool isSo, string otherwise)
    {
        if (!isSo)
        {
            throw new InvalidDataException(otherwise);
        }
    }
}
