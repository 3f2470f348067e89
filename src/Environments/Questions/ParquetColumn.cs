using Parquet.Data;
using Parquet.Schema;

namespace Axpo.Environments.Questions;

/// <summary>One leaf of a row group, with the entries of each row. At most one list lies around it.</summary>
internal sealed class ParquetColumn : IDisposable
{
    private readonly RawColumnData _raw;
    private readonly int[]? _starts;
    private readonly int[]? _levels;
    private readonly int[]? _places;
    private readonly int _depth;

    /// <summary>Takes over what was read.</summary>
    /// <exception cref="InvalidDataException">It does not hold that many rows or values.</exception>
    public ParquetColumn(DataField field, RawColumnData raw, int rows)
    {
        _raw = raw;
        (Field, _depth) = (field, field.MaxDefinitionLevel);
        var values = ValueCount;
        if (_depth > 0)
        {
            _levels = raw.DefinitionLevels.ToArray();
            _places = new int[_levels.Length];
            var next = 0;
            for (var i = 0; i < _levels.Length; i++)
            {
                _places[i] = _levels[i] == _depth ? next++ : -1;
            }

            Require(next <= values);
        }

        if (field.MaxRepetitionLevel > 0)
        {
            var starts = new List<int>(rows + 1);
            var levels = raw.RepetitionLevels;
            for (var i = 0; i < levels.Length; i++)
            {
                if (levels[i] == 0)
                {
                    starts.Add(i);
                }
            }

            Require(starts.Count == rows && (rows == 0 || starts[0] == 0) && levels.Length == (_levels?.Length ?? values));
            _starts = [.. starts, levels.Length];
        }
        else
        {
            Require((_levels?.Length ?? values) >= rows);
        }

        void Require(bool isSo)
        {
            if (!isSo)
            {
                raw.Dispose();
                throw new InvalidDataException($"column '{field.Path}' does not hold a value for each row");
            }
        }
    }

    /// <summary>What it is in the schema.</summary>
    public DataField Field { get; }

    private int ValueCount => _raw switch
    {
        RawColumnData<ReadOnlyMemory<char>> c => c.Values.Length,
        RawColumnData<ReadOnlyMemory<byte>> c => c.Values.Length,
        RawColumnData<bool> c => c.Values.Length,
        RawColumnData<sbyte> c => c.Values.Length,
        RawColumnData<byte> c => c.Values.Length,
        RawColumnData<short> c => c.Values.Length,
        RawColumnData<ushort> c => c.Values.Length,
        RawColumnData<int> c => c.Values.Length,
        RawColumnData<uint> c => c.Values.Length,
        RawColumnData<long> c => c.Values.Length,
        RawColumnData<ulong> c => c.Values.Length,
        RawColumnData<float> c => c.Values.Length,
        RawColumnData<double> c => c.Values.Length,
        RawColumnData<decimal> c => c.Values.Length,
        _ => 0,
    };

    /// <summary>Whether a leaf of this type can be read.</summary>
    public static bool CanRead(Type type) => type == typeof(ReadOnlyMemory<char>) || type == typeof(ReadOnlyMemory<byte>) || type == typeof(decimal) || (type.IsPrimitive && type != typeof(char));

    /// <summary>Entries of a row.</summary>
    public int Count(int row) => _starts is null ? 1 : _starts[row + 1] - _starts[row];

    /// <summary>How much of the path is there in an entry.</summary>
    public int Level(int row, int item) => _levels is null ? 0 : _levels[At(row, item)];

    /// <summary>The value of an entry; null where it is absent.</summary>
    public object? Value(int row, int item)
    {
        var at = At(row, item);
        var place = _places is null ? at : _places[at];
        return place < 0 ? null : _raw switch
        {
            RawColumnData<ReadOnlyMemory<char>> c => c.Values[place],
            RawColumnData<ReadOnlyMemory<byte>> c => c.Values[place],
            RawColumnData<bool> c => c.Values[place],
            RawColumnData<sbyte> c => (decimal)c.Values[place],
            RawColumnData<byte> c => (decimal)c.Values[place],
            RawColumnData<short> c => (decimal)c.Values[place],
            RawColumnData<ushort> c => (decimal)c.Values[place],
            RawColumnData<int> c => (decimal)c.Values[place],
            RawColumnData<uint> c => (decimal)c.Values[place],
            RawColumnData<long> c => (decimal)c.Values[place],
            RawColumnData<ulong> c => (decimal)c.Values[place],
            RawColumnData<float> c => c.Values[place],
            RawColumnData<double> c => c.Values[place],
            RawColumnData<decimal> c => c.Values[place],
            _ => throw new InvalidDataException($"column '{Field.Path}' holds values of another type than its schema says"),
        };
    }

    /// <inheritdoc/>
    public void Dispose() => _raw.Dispose();

    private int At(int row, int item) => item < Count(row)
        ? (_starts is null ? row : _starts[row]) + item
        : throw new InvalidDataException($"column '{Field.Path}' has fewer entries than its neighbours");
}
