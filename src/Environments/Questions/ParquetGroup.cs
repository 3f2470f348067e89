using System.Text.Json;
using Parquet.Schema;

namespace Axpo.Environments.Questions;

/// <summary>Columns of one row group, put together again to rows.</summary>
/// <param name="columns">The leaves that were read.</param>
/// <param name="rows">Rows.</param>
internal sealed class ParquetGroup(IReadOnlyDictionary<DataField, ParquetColumn> columns, int rows) : IDisposable
{
    /// <summary>Rows.</summary>
    public int Rows => rows;

    /// <summary>The leaves below a column.</summary>
    public static IEnumerable<DataField> Leaves(Field field) => field switch
    {
        DataField leaf => [leaf],
        StructField group => group.Fields.SelectMany(Leaves),
        ListField list => Leaves(list.Item),
        _ => [],
    };

    /// <summary>Writes a column's value in a row as JSON.</summary>
    /// <returns>Whether it is there, and no longer than a question may be.</returns>
    public bool Write(Utf8JsonWriter writer, Field field, int row, int item = 0)
    {
        if (writer.BytesCommitted + writer.BytesPending > QuestionFile.MaxLineBytes)
        {
            return false;
        }

        switch (field)
        {
            case DataField leaf:
                return WriteValue(writer, columns[leaf].Value(row, item));
            case ListField list when Items(list, row) is { } count:
                writer.WriteStartArray();
                for (var i = 0; i < count; i++)
                {
                    if (!Write(writer, list.Item, row, i))
                    {
                        return false;
                    }
                }

                writer.WriteEndArray();
                return true;
            case StructField group when IsThere(group, row, item):
                writer.WriteStartObject();
                foreach (var child in group.Fields)
                {
                    writer.WritePropertyName(child.Name);
                    if (!Write(writer, child, row, item))
                    {
                        return false;
                    }
                }

                writer.WriteEndObject();
                return true;
            default:
                writer.WriteNullValue();
                return true;
        }
    }

    /// <summary>A leaf's text in a row; null where it is absent.</summary>
    public ReadOnlyMemory<char>? Text(DataField leaf, int row, int item = 0) => columns[leaf].Value(row, item) as ReadOnlyMemory<char>?;

    /// <summary>A leaf's bytes in a row; null where they are absent.</summary>
    public ReadOnlyMemory<byte>? Bytes(DataField leaf, int row, int item = 0) => columns[leaf].Value(row, item) as ReadOnlyMemory<byte>?;

    /// <summary>Entries of a list in a row; null where there is no list.</summary>
    public int? Items(ListField list, int row)
    {
        var leaf = columns[Leaves(list).First()];
        var level = leaf.Level(row, 0);
        return level >= list.MaxDefinitionLevel ? leaf.Count(row) : level == list.MaxDefinitionLevel - 1 ? 0 : null;
    }

    /// <summary>Whether a group of fields is there.</summary>
    public bool IsThere(StructField group, int row, int item) => columns[Leaves(group).First()].Level(row, item) >= group.MaxDefinitionLevel;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var column in columns.Values)
        {
            column.Dispose();
        }
    }

    private static bool WriteValue(Utf8JsonWriter writer, object? value)
    {
        switch (value)
        {
            case ReadOnlyMemory<char> { Length: > QuestionFile.MaxLineBytes }:
                return false;
            case ReadOnlyMemory<char> text:
                writer.WriteStringValue(text.Span);
                break;
            case bool flag:
                writer.WriteBooleanValue(flag);
                break;
            case decimal number:
                writer.WriteNumberValue(number);
                break;
            case float number when float.IsFinite(number):
                writer.WriteNumberValue(number);
                break;
            case double number when double.IsFinite(number):
                writer.WriteNumberValue(number);
                break;
            case null:
                writer.WriteNullValue();
                break;
            default:
                writer.WriteStringValue(FormattableString.Invariant($"{value}"));
                break;
        }

        return true;
    }
}
