using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Axpo.Imaging;

namespace Axpo.Environments.Questions;

/// <summary>
/// Questions as a file that people look at and that a run can read: <c>questions.jsonl</c>, <c>images/</c>, and <c>boxes/</c>: the same pictures with what the metadata of
/// the question says of them drawn in: digits red, their ink green, marks blue.
/// </summary>
public static class QuestionSample
{
    /// <summary>Name of the file of questions.</summary>
    public const string FileName = "questions.jsonl";

    private static readonly JsonSerializerOptions _plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes questions.</summary>
    /// <param name="folder">A folder that exists.</param>
    /// <param name="questions">The questions, in order.</param>
    /// <param name="images">Their images.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="IOException">A file cannot be read or written.</exception>
    /// <exception cref="InvalidDataException">An image is drawn by nobody, or no picture.</exception>
    public static async Task WriteAsync(string folder, IReadOnlyList<Question> questions, IQuestionImages images, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(questions);
        ArgumentNullException.ThrowIfNull(images);
        var lines = new List<string>(questions.Count);
        foreach (var question in questions)
        {
            var names = new JsonArray();
            foreach (var source in question.Images)
            {
                var file = await images.ReadAsync(source, cancellationToken);
                var name = string.Create(CultureInfo.InvariantCulture, $"{lines.Count + 1:D4}{(names.Count == 0 ? "" : $"-{names.Count + 1}")}{(file.Span.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8]) ? ".jpg" : ".png")}");
                await WriteAsync(folder, "images", name, file, cancellationToken);
                if (names.Count == 0 && await Task.Run(() => WithBoxes(file, question.MetadataJson), cancellationToken) is { } drawn)
                {
                    await WriteAsync(folder, "boxes", Path.ChangeExtension(name, ".png"), drawn, cancellationToken);
                }

                names.Add("images/" + name);
            }

            lines.Add(Line(question, names).ToJsonString(_plain));
        }

        await File.WriteAllLinesAsync(Path.Combine(folder, FileName), lines, cancellationToken);
    }

    private static JsonObject Line(Question question, JsonArray images)
    {
        var metadata = JsonNode.Parse(question.MetadataJson)!.AsObject();
        metadata["hops"] = question.Horizon;
        if (question.Aliases.Length > 0)
        {
            metadata["aliases"] = new JsonArray([.. question.Aliases.Select(a => JsonValue.Create(a))]);
        }

        if (question.Choices.Length > 0)
        {
            metadata["choices"] = new JsonArray([.. question.Choices.Select(c => JsonValue.Create(c))]);
        }

        if (question.Tolerance is { } tolerance)
        {
            metadata["tolerance"] = tolerance;
        }

        var line = new JsonObject
        {
            ["id"] = question.Id,
            ["question"] = question.Text,
            ["answer"] = question.Answer,
            ["category"] = question.Category,
            ["suite"] = question.Suite,
            ["verifier"] = question.Verifier,
        };
        if (images.Count > 0)
        {
            line["images"] = images;
        }

        line["metadata"] = metadata;
        return line;
    }

    private static async Task WriteAsync(string folder, string part, string name, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(Path.Combine(folder, part));
        await File.WriteAllBytesAsync(Path.Combine(folder, part, name), bytes, cancellationToken);
    }

    private static byte[]? WithBoxes(ReadOnlyMemory<byte> file, string metadataJson)
    {
        using var metadata = JsonDocument.Parse(metadataJson);
        if (!metadata.RootElement.TryGetProperty("digits", out var digits))
        {
            return null;
        }

        var picture = PictureDecoder.Decode(file.Span);
        var (rgb, thickness) = (picture.Rgb.ToArray(), Math.Max(1, Math.Min(picture.Width, picture.Height) / 400));
        foreach (var digit in digits.EnumerateArray())
        {
            Frame(digit.GetProperty("box"), [230, 30, 30]);
            Frame(digit.GetProperty("ink_box"), [30, 190, 30]);
        }

        if (metadata.RootElement.TryGetProperty("marks", out var marks))
        {
            foreach (var mark in marks.EnumerateArray())
            {
                Frame(mark, [40, 80, 240]);
            }
        }

        return PictureEncoder.Png(new Picture(picture.Width, picture.Height, rgb));

        void Frame(JsonElement box, ReadOnlySpan<byte> colour)
        {
            var (left, top) = (box[0].GetInt32(), box[1].GetInt32());
            var (right, bottom) = (left + box[2].GetInt32(), top + box[3].GetInt32());
            for (var y = Math.Max(0, top); y < Math.Min(bottom, picture.Height); y++)
            {
                for (var x = Math.Max(0, left); x < Math.Min(right, picture.Width); x++)
                {
                    if (x - left < thickness || right - x <= thickness || y - top < thickness || bottom - y <= thickness)
                    {
                        colour.CopyTo(rgb.AsSpan(3 * ((y * picture.Width) + x)));
                    }
                }
            }
        }
    }
}
