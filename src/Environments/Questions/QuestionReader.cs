using System.Globalization;
using System.Text.Json;
using Axpo.Environments.Verifiers;

namespace Axpo.Environments.Questions;

/// <summary>Turns the objects of one file into questions and notes what is wrong with them.</summary>
/// <param name="folder">Folder of the file, where images lie.</param>
/// <param name="verifiers">Names of the registered verifiers.</param>
/// <param name="problems">Receives the faults.</param>
/// <param name="unit">What holds a question: line or row.</param>
internal sealed class QuestionReader(string folder, IReadOnlyCollection<string> verifiers, List<QuestionProblem> problems, string unit = "line")
{
    private const int MaxId = 256;
    private const int MaxHops = 1000;
    private const int Shown = 80;
    private static readonly string[] _categories = ["perception", "reasoning", "search"];
    private readonly Dictionary<string, int> _lines = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ImageFault?> _images = new(StringComparer.Ordinal);
    private int _line;
    private string? _id;

    /// <summary>Reads one line's value.</summary>
    /// <param name="line">Line or row from 1.</param>
    /// <param name="root">The value.</param>
    /// <param name="cancellationToken">Ends reading.</param>
    /// <param name="pictures">Its images; null: the value's own field <c>images</c> names them.</param>
    /// <returns>The question; null if something is wrong with it.</returns>
    public async ValueTask<Question?> ReadAsync(int line, JsonElement root, CancellationToken cancellationToken, IReadOnlyList<QuestionImage>? pictures = null)
    {
        var before = problems.Count;
        (_line, _id) = (line, null);
        if (root.ValueKind != JsonValueKind.Object)
        {
            Add(QuestionFault.Type, "", root, $"the line holds {Name(root)}; an object with id, question and answer is needed");
            return null;
        }

        if (!IsSound(root, ""))
        {
            return null;
        }

        _id = Id(root);
        var text = Text(root, "question", "");
        var answer = Text(root, "answer", "");
        var category = Known(root, "category", _categories);
        var suite = Text(root, "suite", "");
        var verifier = Known(root, "verifier", verifiers);
        var metadata = Optional(root, "metadata", JsonValueKind.Object, "");
        var aliases = Strings(metadata, "aliases", "metadata.");
        var choices = Strings(metadata, "choices", "metadata.");
        var tolerance = Tolerance(metadata);
        var horizon = Hops(metadata);
        var images = await ImagesAsync(pictures ?? [.. Strings(root, "images", "").Select(path => new QuestionImage(path))], cancellationToken);
        if (answer is not null)
        {
            CheckAnswer(verifier, answer, choices, metadata);
        }

        return problems.Count > before ? null : new Question
        {
            Id = _id!,
            Suite = suite!,
            Category = category!,
            Text = text!,
            Answer = answer!,
            Verifier = verifier!,
            Aliases = aliases,
            Choices = choices,
            Tolerance = tolerance,
            Images = images,
            Horizon = horizon,
            MetadataJson = metadata is { } m ? m.GetRawText() : "{}",
        };
    }

    /// <summary>Whether no object below names a key twice and no string holds half a surrogate pair. The parser bounds the depth.</summary>
    private bool IsSound(JsonElement element, string path)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                var names = new HashSet<string>(StringComparer.Ordinal);
                foreach (var property in element.EnumerateObject())
                {
                    if (!IsText(() => property.Name, path))
                    {
                        return false;
                    }

                    var at = path.Length == 0 ? property.Name : $"{path}.{property.Name}";
                    if (!names.Add(property.Name))
                    {
                        Add(QuestionFault.DuplicateKey, at, property.Value, "the key stands here twice; keep one");
                        return false;
                    }

                    if (!IsSound(property.Value, at))
                    {
                        return false;
                    }
                }

                return true;
            case JsonValueKind.Array:
                return element.EnumerateArray().All(e => IsSound(e, path));
            case JsonValueKind.String:
                return IsText(() => element.GetString()!, path);
            default:
                return true;
        }
    }

    private bool IsText(Func<string> read, string path)
    {
        try
        {
            _ = read();
            return true;
        }
        catch (InvalidOperationException)
        {
            problems.Add(new(QuestionFault.Encoding, _line, _id, path, "", "holds half a surrogate pair, which is no character; write the whole pair, or the character itself"));
            return false;
        }
    }

    private string? Id(JsonElement root)
    {
        if (Text(root, "id", "") is not { } id)
        {
            return null;
        }

        if (id.Length > MaxId || id.AsSpan().ContainsAny('/', '\\') || id.Any(char.IsControl))
        {
            Add(QuestionFault.BadId, "id", root.GetProperty("id"), string.Create(CultureInfo.InvariantCulture, $"an id has at most {MaxId} characters, none of them a slash, backslash or control character"));
            return null;
        }

        if (!_lines.TryAdd(id, _line))
        {
            Add(QuestionFault.DuplicateId, "id", root.GetProperty("id"), string.Create(CultureInfo.InvariantCulture, $"stands on {unit}s {_lines[id]} and {_line}; ids are unique in a file"));
        }

        return id;
    }

    private string? Text(JsonElement parent, string name, string path)
    {
        if (!parent.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            problems.Add(new(QuestionFault.MissingField, _line, _id, path + name, "", "is missing; a string is needed"));
            return null;
        }

        if (value.ValueKind != JsonValueKind.String)
        {
            Add(QuestionFault.Type, path + name, value, $"is {Name(value)}; a string is needed");
            return null;
        }

        var text = value.GetString()!;
        if (string.IsNullOrWhiteSpace(text))
        {
            problems.Add(new(QuestionFault.MissingField, _line, _id, path + name, "", "is empty; it may not be"));
            return null;
        }

        return text;
    }

    private string? Known(JsonElement root, string name, IReadOnlyCollection<string> known)
    {
        var value = Text(root, name, "");
        if (value is null || known.Contains(value))
        {
            return value;
        }

        Add(QuestionFault.UnknownValue, name, root.GetProperty(name), "unknown" + NearestName.Hint(value, known));
        return null;
    }

    private JsonElement? Optional(JsonElement? parent, string name, JsonValueKind kind, string path)
    {
        if (parent is not { } root || !root.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        if (value.ValueKind == kind)
        {
            return value;
        }

        Add(QuestionFault.Type, path + name, value, $"is {Name(value)}; {(kind == JsonValueKind.Object ? "an object" : "a list of strings")} is needed");
        return null;
    }

    private string[] Strings(JsonElement? parent, string name, string path)
    {
        if (Optional(parent, name, JsonValueKind.Array, path) is not { } list)
        {
            return [];
        }

        foreach (var item in list.EnumerateArray().Where(i => i.ValueKind != JsonValueKind.String).Take(1))
        {
            Add(QuestionFault.Type, path + name, item, $"holds {Name(item)}; every entry must be a string");
            return [];
        }

        return [.. list.EnumerateArray().Select(i => i.GetString()!)];
    }

    private string? Tolerance(JsonElement? metadata)
    {
        if (metadata is not { } root || !root.TryGetProperty("tolerance", out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        var text = value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText();
        if (value.ValueKind is JsonValueKind.String or JsonValueKind.Number && NumericVerifier.IsNumber(text) && !text.TrimStart().StartsWith('-'))
        {
            return text;
        }

        Add(QuestionFault.Type, "metadata.tolerance", value, "the accepted absolute difference must be a number that is not negative");
        return null;
    }

    private int Hops(JsonElement? metadata)
    {
        if (metadata is not { } root || !root.TryGetProperty("hops", out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return 1;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var hops) && hops is >= 1 and <= MaxHops)
        {
            return hops;
        }

        Add(QuestionFault.Type, "metadata.hops", value, string.Create(CultureInfo.InvariantCulture, $"calls needed one after the other must be a whole number from 1 to {MaxHops}"));
        return 1;
    }

    private async ValueTask<string[]> ImagesAsync(IReadOnlyList<QuestionImage> images, CancellationToken cancellationToken)
    {
        var full = new string[images.Count];
        for (var i = 0; i < full.Length; i++)
        {
            var fault = images[i].Fault;
            if (images[i].Source is { } source)
            {
                full[i] = source;
            }
            else if (fault is null)
            {
                fault = ImagePath.Resolve(folder, images[i].Name, out full[i]);
                if (fault is null && !_images.TryGetValue(full[i], out fault))
                {
                    _images[full[i]] = fault = await ImageFile.CheckAsync(full[i], cancellationToken);
                }
            }

            if (fault is not null)
            {
                problems.Add(new(fault.Fault, _line, _id, "images", Shorten(images[i].Name), fault.Remedy));
            }
        }

        return full;
    }

    private void CheckAnswer(string? verifier, string answer, string[] choices, JsonElement? metadata)
    {
        if (verifier == "numeric" && !NumericVerifier.IsNumber(answer))
        {
            problems.Add(new(QuestionFault.BadAnswer, _line, _id, "answer", Shorten(answer), "no decimal number, which the verifier numeric needs; give one, or take the verifier exact"));
        }
        else if (verifier == F1Verifier.VerifierName && (metadata is not { } root || F1Verifier.ReadThreshold(root) is null))
        {
            problems.Add(new(QuestionFault.BadAnswer, _line, _id, $"metadata.{F1Verifier.ThresholdField}", "", "the verifier f1 needs a number above 0 and at most 1: from which F1 on an answer is right"));
        }
        else if (verifier == "choice" && choices.Length == 0)
        {
            problems.Add(new(QuestionFault.BadAnswer, _line, _id, "metadata.choices", "", "is missing; the verifier choice needs the list of admitted answers"));
        }
        else if (verifier == "choice" && !choices.Any(c => string.Equals(c.Trim(), answer.Trim(), StringComparison.OrdinalIgnoreCase)))
        {
            problems.Add(new(QuestionFault.BadAnswer, _line, _id, "answer", Shorten(answer), $"none of metadata.choices; one of {Shorten(string.Join(", ", choices))}"));
        }
    }

    private void Add(QuestionFault fault, string field, JsonElement value, string remedy) => problems.Add(new(fault, _line, _id, field, Shorten(Raw(value)), remedy));

    private static string Raw(JsonElement value) => value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText();

    private static string Shorten(string text)
    {
        var clean = string.Concat(text.Take(Shown).Select(c => char.IsControl(c) ? ' ' : c));
        return text.Length > Shown ? clean + "..." : clean;
    }

    private static string Name(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => "a number",
        JsonValueKind.Null => "null",
        _ => "a truth value",
    };
}

/// <summary>An image as a question names or holds it.</summary>
/// <param name="Name">A path beside the file, or what to call it.</param>
/// <param name="Source">Where it is found, if it is no file of its own.</param>
/// <param name="Fault">What is wrong with it, if that is known.</param>
internal sealed record QuestionImage(string Name, string? Source = null, ImageFault? Fault = null);
