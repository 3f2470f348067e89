using System.Globalization;
using Parquet.Schema;

namespace Axpo.Environments.Questions;

/// <summary>Images that lie inside a Parquet file of questions: <see cref="Question.Images"/> names them as <c>parquet:FULLPATH#ROW/INDEX</c>, rows from 1, images of a row from 0.</summary>
public static class ParquetImages
{
    private const string Scheme = "parquet:";
    private static readonly ImageFault _absent = new(QuestionFault.ImageMissing, "has neither bytes nor a path; give one of them");

    /// <summary>Whether a source names such an image.</summary>
    public static bool IsSource(string source)
    {
        ArgumentNullException.ThrowIfNull(source);
        return source.StartsWith(Scheme, StringComparison.Ordinal);
    }

    /// <summary>Reads an image, and with it the images of its row group.</summary>
    /// <param name="source">What <see cref="Question.Images"/> says.</param>
    /// <param name="cancellationToken">Ends reading.</param>
    /// <returns>The image file.</returns>
    /// <exception cref="IOException">The Parquet file cannot be read.</exception>
    /// <exception cref="InvalidDataException">It is damaged, holds no such image, or this is no such source.</exception>
    public static async ValueTask<ReadOnlyMemory<byte>> ReadAsync(string source, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(source);
        var hash = source.LastIndexOf('#');
        if (!IsSource(source) || hash < 0 || source[(hash + 1)..].Split('/') is not [var first, var second] || !IsNumber(first, out var row) || !IsNumber(second, out var index) || row == 0)
        {
            throw new InvalidDataException($"'{source}' is no image of a Parquet file; parquet:FULLPATH#ROW/INDEX is");
        }

        await using var table = await ParquetTable.OpenAsync(source[Scheme.Length..hash], cancellationToken);
        row--;
        for (var group = 0; group < table.Groups; group++)
        {
            var rows = table.Rows(group);
            if (row >= rows)
            {
                row -= rows;
                continue;
            }

            var field = table.Fields.FirstOrDefault(f => f.Name == "images");
            if (field is null || Fault(field) is not null)
            {
                break;
            }

            using var columns = await table.ReadAsync(group, [field], cancellationToken);
            if (Entries(columns, field, row).ElementAtOrDefault(index).Bytes is { } bytes)
            {
                return bytes.ToArray();
            }

            break;
        }

        throw new InvalidDataException($"'{source}': the file holds no such image");
    }

    /// <summary>What is wrong with the type of a column of images; null if nothing.</summary>
    internal static string? Fault(Field field)
    {
        var item = field is ListField list ? list.Item : field;
        var isRight = item switch
        {
            StructField group => (Part(group, "bytes") ?? Part(group, "path")) is not null && (Part(group, "bytes") is not { } bytes || IsBytes(bytes)) && (Part(group, "path") is not { } path || IsText(path)),
            DataField leaf => IsBytes(leaf) || (field is ListField && IsText(leaf)),
            _ => false,
        };
        return isRight ? null : "a list of paths is needed, or images themselves: bytes, {bytes, path}, or a list of either";
    }

    /// <summary>The images of a row.</summary>
    /// <param name="path">The Parquet file, a full path.</param>
    /// <param name="group">Its row group.</param>
    /// <param name="field">The column.</param>
    /// <param name="row">Row of the group, from 0.</param>
    /// <param name="number">Row of the file, from 1.</param>
    internal static IEnumerable<QuestionImage> Of(string path, ParquetGroup group, Field field, int row, int number) => Entries(group, field, row).Select((image, i) =>
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"{i}");
        return image.Bytes is { } bytes
            ? new QuestionImage(image.Path is { Length: > 0 } called ? called : name, string.Create(CultureInfo.InvariantCulture, $"{Scheme}{path}#{number}/{i}"), Check(bytes))
            : image.Path is { } file ? new QuestionImage(file) : new QuestionImage(name, null, _absent);
    });

    private static ImageFault? Check(ReadOnlyMemory<byte> bytes) => bytes.Length > ImageFile.MaxBytes
        ? new(QuestionFault.ImageTooLarge, string.Create(CultureInfo.InvariantCulture, $"{bytes.Length} bytes; at most {ImageFile.MaxBytes} are admitted"))
        : ImageFile.Check(bytes.Span);

    private static IEnumerable<(ReadOnlyMemory<byte>? Bytes, string? Path)> Entries(ParquetGroup group, Field field, int row)
    {
        if (field is ListField list)
        {
            return Enumerable.Range(0, group.Items(list, row) ?? 0).Select(i => Entry(group, list.Item, row, i));
        }

        var one = Entry(group, field, row, 0);
        return one is (null, null) && (field is not StructField whole || !group.IsThere(whole, row, 0)) ? [] : [one];
    }

    private static (ReadOnlyMemory<byte>? Bytes, string? Path) Entry(ParquetGroup group, Field field, int row, int item) => field switch
    {
        DataField leaf when IsText(leaf) => (null, group.Text(leaf, row, item)?.ToString()),
        DataField leaf => (group.Bytes(leaf, row, item), null),
        StructField parts => (Part(parts, "bytes") is { } bytes ? group.Bytes(bytes, row, item) : null, Part(parts, "path") is { } path ? group.Text(path, row, item)?.ToString() : null),
        _ => default,
    };

    private static DataField? Part(StructField field, string name) => field.Fields.FirstOrDefault(f => f.Name == name) as DataField;

    private static bool IsBytes(DataField field) => field.ClrType == typeof(ReadOnlyMemory<byte>);

    private static bool IsText(DataField field) => field.ClrType == typeof(ReadOnlyMemory<char>);

    private static bool IsNumber(string text, out int number) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
