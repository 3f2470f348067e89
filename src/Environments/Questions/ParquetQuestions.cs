using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Parquet.Schema;

namespace Axpo.Environments.Questions;

/// <summary>Files of questions in Parquet: a row is read as the line of a JSONL file with the same fields would be.</summary>
internal static class ParquetQuestions
{
    private const string Images = "images";
    private const string Metadata = "metadata";
    private static readonly string[] _texts = ["id", "question", "answer", "category", "suite", "verifier"];
    private static readonly JsonWriterOptions _json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Whether a file is read as Parquet: by its name.</summary>
    public static bool IsParquet(string path) => path.EndsWith(".parquet", StringComparison.OrdinalIgnoreCase);

    /// <summary>Reads a file: see <see cref="QuestionFile"/>.</summary>
    public static async Task<IReadOnlyList<Question>> ReadAsync(string path, IReadOnlyCollection<string> verifiers, int most, CancellationToken cancellationToken)
    {
        var problems = new List<QuestionProblem>();
        var questions = new List<Question>();
        var full = Path.GetFullPath(path);
        var reader = new QuestionReader(Path.GetDirectoryName(full)!, verifiers, problems, "row");
        var number = 0;
        try
        {
            await using var table = await ParquetTable.OpenAsync(path, cancellationToken);
            var fields = Columns(table, problems);
            for (var g = 0; g < table.Groups && problems.All(p => p.Line is not null); g++)
            {
                using var group = await table.ReadAsync(g, fields, cancellationToken);
                for (var row = 0; row < group.Rows; row++)
                {
                    if (problems.Count >= most)
                    {
                        throw Refused(isAll: false);
                    }

                    number++;
                    if (await RowAsync(group, row) is { } question)
                    {
                        questions.Add(question);
                    }
                }
            }

            async ValueTask<Question?> RowAsync(ParquetGroup group, int row)
            {
                using var document = Json(group, fields, row, number, problems);
                var images = fields.FirstOrDefault(f => f.Name == Images);
                return document is null ? null : await reader.ReadAsync(number, document.RootElement, cancellationToken, images is null ? [] : [.. ParquetImages.Of(full, group, images, row, number)]);
            }
        }
        catch (InvalidDataException e)
        {
            problems.Add(new(QuestionFault.Unreadable, null, null, "", "", e.Message));
        }

        if (problems.Count == 0 && questions.Count == 0)
        {
            problems.Add(new(QuestionFault.Empty, null, null, "", "", "it holds no question; one a row is needed"));
        }

        return problems.Count == 0 ? questions : throw Refused(isAll: true);

        QuestionFileException Refused(bool isAll) => new(path, [.. problems.Select(p => p with { Unit = "row" })], isAll);
    }

    /// <summary>The columns that questions are made of; what is wrong with one concerns the whole file.</summary>
    private static Field[] Columns(ParquetTable table, List<QuestionProblem> problems)
    {
        var known = table.Fields.Where(f => _texts.Contains(f.Name) || f.Name is Images or Metadata).ToArray();
        foreach (var name in _texts.Where(t => known.All(f => f.Name != t)))
        {
            problems.Add(new(QuestionFault.MissingField, null, null, name, "", $"there is no such column; one of strings is needed, the file has {string.Join(", ", table.Fields.Take(20).Select(f => f.Name))}"));
        }

        foreach (var field in known)
        {
            var fault = known.Count(f => f.Name == field.Name) > 1 ? "the column stands here twice; keep one"
                : field.Name == Images ? ParquetImages.Fault(field)
                : field.Name == Metadata && field is not DataField ? Nested(field)
                : field is DataField { ClrType: var type, MaxRepetitionLevel: 0 } && type == typeof(ReadOnlyMemory<char>) ? null
                : field.Name == Metadata ? "an object is needed: a struct, or a string that holds its JSON" : "a string is needed";
            if (fault is not null)
            {
                problems.Add(new(QuestionFault.Type, null, null, field.Name, "", $"the column is {Name(field)}; {fault}"));
            }
        }

        return known;
    }

    private static string? Nested(Field field) =>
        field is not StructField ? "an object is needed: a struct, or a string that holds its JSON"
        : ParquetGroup.Leaves(field).Any(leaf => leaf.MaxRepetitionLevel > 1 || !ParquetColumn.CanRead(leaf.ClrType) || leaf.ClrType == typeof(ReadOnlyMemory<byte>) || leaf.IsArray) || HasMap(field)
            ? "its fields must be strings, numbers, truth values, or lists of them; write what is deeper as a string that holds JSON" : null;

    private static bool HasMap(Field field) => field switch
    {
        StructField group => group.Fields.Count == 0 || group.Fields.Any(HasMap),
        ListField list => HasMap(list.Item),
        DataField => false,
        _ => true,
    };

    /// <summary>A row as the object that a line would hold, without images; null if that cannot be.</summary>
    private static JsonDocument? Json(ParquetGroup group, Field[] fields, int row, int number, List<QuestionProblem> problems)
    {
        var bytes = new ArrayBufferWriter<byte>();
        using var writer = new Utf8JsonWriter(bytes, _json);
        writer.WriteStartObject();
        foreach (var field in fields.Where(f => f.Name != Images))
        {
            if (field is DataField leaf && group.Text(leaf, row) is { } text && text.Span.Contains('\uFFFD'))
            {
                problems.Add(new(QuestionFault.Encoding, number, null, field.Name, "", "holds U+FFFD, the mark of bytes that are not UTF-8; write the column as UTF-8"));
                return null;
            }

            writer.WritePropertyName(field.Name);
            var isWritten = field is DataField data && field.Name == Metadata ? Parsed(data) : group.Write(writer, field, row);
            if (isWritten is null)
            {
                return null;
            }

            if (isWritten == false || writer.BytesCommitted + writer.BytesPending > QuestionFile.MaxLineBytes)
            {
                problems.Add(new(QuestionFault.TooLong, number, null, field.Name, "", string.Create(CultureInfo.InvariantCulture, $"the row has more than {QuestionFile.MaxLineBytes} bytes, the most that are admitted for a question with its metadata")));
                return null;
            }
        }

        writer.WriteEndObject();
        writer.Flush();
        return JsonDocument.Parse(bytes.WrittenMemory);

        bool? Parsed(DataField data)
        {
            if (group.Text(data, row) is not { } text || text.Span.IsWhiteSpace())
            {
                writer.WriteNullValue();
                return true;
            }

            if (text.Length > QuestionFile.MaxLineBytes)
            {
                return false;
            }

            try
            {
                using var value = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = 63 });
                value.RootElement.WriteTo(writer);
                return true;
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
            {
                problems.Add(new(QuestionFault.Json, number, null, Metadata, "", $"no JSON object: {e.Message.Split(" LineNumber:")[0].TrimEnd('.')}"));
                return null;
            }
        }
    }

    private static string Name(Field field) => field switch
    {
        ListField => "a list",
        StructField => "a struct",
        MapField => "a map",
        DataField { IsArray: true } => "a repeated field, which is no list",
        DataField { ClrType: var type } => type == typeof(ReadOnlyMemory<char>) ? "of strings" : type == typeof(ReadOnlyMemory<byte>) ? "of bytes" : $"of {type.Name}",
        _ => "of another kind",
    };
}
