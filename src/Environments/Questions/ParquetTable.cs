using System.Globalization;
using Parquet;
using Parquet.Meta;
using Parquet.Schema;

namespace Axpo.Environments.Questions;

/// <summary>
/// A Parquet file, read a row group at a time and only the columns that are asked for. Footer and page headers are checked before anything of their size is allocated.
/// </summary>
internal sealed class ParquetTable : IAsyncDisposable
{
    /// <summary>Most bytes, unpacked, of the wanted columns of a row group.</summary>
    public const long MaxGroupBytes = 512L << 20;

    /// <summary>Most bytes of the footer.</summary>
    public const int MaxFooterBytes = 4 << 20;

    /// <summary>Most values of a column in a row group.</summary>
    public const int MaxValues = 16 << 20;

    private const int MaxHeaderBytes = 4 << 20;
    private const int MaxSchemaDepth = 16;
    private static readonly byte[] _magic = "PAR1"u8.ToArray();
    private readonly FileStream _stream;
    private readonly ParquetReader _reader;

    private ParquetTable(FileStream stream, ParquetReader reader) => (_stream, _reader, Fields) = (stream, reader, reader.Schema.Fields);

    /// <summary>Columns.</summary>
    public IReadOnlyList<Field> Fields { get; }

    /// <summary>Row groups.</summary>
    public int Groups => _reader.RowGroupCount;

    /// <summary>Opens a file.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="InvalidDataException">It is no sound Parquet file.</exception>
    public static async Task<ParquetTable> OpenAsync(string path, CancellationToken cancellationToken)
    {
        var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 64 << 10, FileOptions.Asynchronous | FileOptions.RandomAccess);
        try
        {
            return await GuardAsync(async () =>
            {
                await CheckFooterAsync(stream, cancellationToken);
                stream.Position = 0;
                return new ParquetTable(stream, await ParquetReader.CreateAsync(stream, null, true, cancellationToken));
            });
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    /// <summary>Rows of a row group.</summary>
    /// <exception cref="InvalidDataException">Fewer than none, or more than are read.</exception>
    public int Rows(int group)
    {
        var rows = _reader.Metadata!.RowGroups[group].NumRows;
        return rows is >= 0 and <= MaxValues
            ? (int)rows
            : throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"row group {group + 1} says that it has {rows} rows; at most {MaxValues} are admitted: write smaller row groups"));
    }

    /// <summary>Reads columns of a row group.</summary>
    /// <exception cref="InvalidDataException">They are damaged, or too large.</exception>
    public Task<ParquetGroup> ReadAsync(int group, IEnumerable<Field> fields, CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        var rows = Rows(group);
        var columns = new Dictionary<DataField, ParquetColumn>(ReferenceEqualityComparer.Instance);
        var left = MaxGroupBytes;
        try
        {
            using var reader = _reader.OpenRowGroupReader(group);
            foreach (var leaf in fields.SelectMany(ParquetGroup.Leaves))
            {
                var chunk = reader.GetMetadata(leaf)?.MetaData ?? throw new InvalidDataException($"row group {group + 1} lacks column '{leaf.Path}'");
                left = await CheckPagesAsync(chunk, leaf, rows, left, cancellationToken);
                columns[leaf] = new ParquetColumn(leaf, await reader.ReadRawColumnDataBaseAsync(leaf, cancellationToken), rows);
            }

            return new ParquetGroup(columns, rows);
        }
        catch
        {
            foreach (var column in columns.Values)
            {
                column.Dispose();
            }

            throw;
        }
    });

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _reader.DisposeAsync();
        await _stream.DisposeAsync();
    }

    /// <summary>Whatever a damaged file makes the library throw says one thing.</summary>
    private static async Task<T> GuardAsync<T>(Func<Task<T>> read)
    {
        try
        {
            return await read();
        }
        catch (Exception e) when (e is not (OperationCanceledException or InvalidDataException or UnauthorizedAccessException) && (e is not IOException || e is EndOfStreamException))
        {
            throw new InvalidDataException($"it is damaged, or uses what is not supported: {e.Message}", e);
        }
    }

    private static async Task CheckFooterAsync(FileStream stream, CancellationToken cancellationToken)
    {
        var ends = new byte[12];
        if (stream.Length < ends.Length)
        {
            throw new InvalidDataException("it is no Parquet file: too short");
        }

        await stream.ReadExactlyAsync(ends.AsMemory(0, 4), cancellationToken);
        stream.Position = stream.Length - 8;
        await stream.ReadExactlyAsync(ends.AsMemory(4, 8), cancellationToken);
        if (!ends.AsSpan(0, 4).SequenceEqual(_magic) || !ends.AsSpan(8, 4).SequenceEqual(_magic))
        {
            throw new InvalidDataException("it is no Parquet file, or cut off: it does not begin and end with PAR1 (encrypted files are not read)");
        }

        var length = BitConverter.ToInt32(ends, 4);
        if (length is < 1 or > MaxFooterBytes || length > stream.Length - ends.Length)
        {
            throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"its footer says that it has {length} bytes; at most {MaxFooterBytes} and no more than the file has are admitted"));
        }

        var footer = new byte[length];
        stream.Position = stream.Length - 8 - length;
        await stream.ReadExactlyAsync(footer, cancellationToken);
        CheckSchema(new ThriftCompact(footer).Struct());
    }

    /// <summary>The schema is a tree in preorder, each element with the number of its children: no deeper than a reader may recurse, and complete.</summary>
    private static void CheckSchema(Dictionary<int, object?> footer)
    {
        var open = new Stack<long>([1L]);
        foreach (var element in footer.GetValueOrDefault(2) as List<Dictionary<int, object?>> ?? [])
        {
            while (open.TryPeek(out var none) && none == 0)
            {
                open.Pop();
            }

            if (!open.TryPop(out var left) || element.GetValueOrDefault(5) is < 0L || open.Count > MaxSchemaDepth)
            {
                throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"its schema is no tree of at most {MaxSchemaDepth} levels"));
            }

            open.Push(left - 1);
            open.Push(element.GetValueOrDefault(5) as long? ?? 0);
        }

        if (open.Any(left => left != 0))
        {
            throw new InvalidDataException("its schema is cut off");
        }
    }

    private async Task<long> CheckPagesAsync(ColumnMetaData chunk, DataField field, int rows, long left, CancellationToken cancellationToken)
    {
        if (chunk.NumValues is < 0 or > MaxValues || (field.MaxRepetitionLevel == 0 && chunk.NumValues != rows))
        {
            throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"column '{field.Path}' says that it has {chunk.NumValues} values in a row group of {rows} rows; at most {MaxValues} are admitted"));
        }

        var at = chunk.DictionaryPageOffset is { } dictionary and > 0 ? Math.Min(dictionary, chunk.DataPageOffset) : chunk.DataPageOffset;
        for (var seen = 0L; seen < chunk.NumValues;)
        {
            var (header, size) = await HeaderAsync(at, field, cancellationToken);
            var (unpacked, packed) = (Number(header, 2), Number(header, 3));
            var count = Number(header.GetValueOrDefault(Number(header, 1) switch { 0 => 5, 2 => 7, 3 => 8, _ => -1 }) as Dictionary<int, object?> ?? [], 1);
            if (unpacked < 0 || packed < 0 || packed > _stream.Length - at - size || count is < 0 or > MaxValues)
            {
                throw new InvalidDataException($"a page of column '{field.Path}' goes beyond the file");
            }

            left -= Math.Max(unpacked, packed);
            seen += Number(header, 1) is 0 or 3 ? count : 0;
            if (left < 0)
            {
                throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"the columns up to '{field.Path}' unpack to more than {MaxGroupBytes} bytes in one row group; write smaller row groups"));
            }

            if (seen > chunk.NumValues)
            {
                throw new InvalidDataException($"the pages of column '{field.Path}' hold more values than its footer says");
            }

            at += size + packed;
        }

        return left;
    }

    private async Task<(Dictionary<int, object?> Header, int Size)> HeaderAsync(long at, DataField field, CancellationToken cancellationToken)
    {
        for (var most = 4 << 10; ; most = MaxHeaderBytes)
        {
            var bytes = new byte[Math.Clamp(_stream.Length - at, 0, most)];
            if (at < 0 || bytes.Length == 0)
            {
                throw new InvalidDataException($"a page of column '{field.Path}' lies outside the file");
            }

            _stream.Position = at;
            await _stream.ReadExactlyAsync(bytes, cancellationToken);
            try
            {
                var thrift = new ThriftCompact(bytes);
                return (thrift.Struct(), thrift.At);
            }
            catch (EndOfStreamException) when (most < MaxHeaderBytes && bytes.Length == most)
            {
                // A longer header: once more with all that is admitted.
            }
        }
    }

    private static long Number(Dictionary<int, object?> fields, int id) => fields.GetValueOrDefault(id) as long? ?? -1;
}
