using System.Buffers.Binary;
using System.Text.Json;
using static TorchSharp.torch;

namespace Axpo.Training.Safetensors;

/// <summary>Where a tensor stands in a file.</summary>
/// <param name="Type">Element type.</param>
/// <param name="Shape">Shape.</param>
/// <param name="Offset">First byte in the file.</param>
/// <param name="Length">Bytes.</param>
public sealed record SafetensorsEntry(ScalarType Type, long[] Shape, long Offset, long Length);

/// <summary>The header of a safetensors file, checked as the format's own reader does: known types, shapes that fit their bytes, tensors end to end from the first byte to the last, every name once.</summary>
internal static class SafetensorsHeader
{
    /// <summary>Longest header that is read, bytes: the limit of the format's own reader.</summary>
    private const long MaxHeader = 100_000_000;

    private const string Metadata = "__metadata__";

    /// <summary>Element types by their names in a header, with their bytes.</summary>
    public static IReadOnlyDictionary<string, (ScalarType Type, int Size)> Types { get; } = new Dictionary<string, (ScalarType Type, int Size)>(StringComparer.Ordinal)
    {
        ["F64"] = (ScalarType.Float64, 8),
        ["F32"] = (ScalarType.Float32, 4),
        ["F16"] = (ScalarType.Float16, 2),
        ["BF16"] = (ScalarType.BFloat16, 2),
        ["I64"] = (ScalarType.Int64, 8),
        ["I32"] = (ScalarType.Int32, 4),
        ["I16"] = (ScalarType.Int16, 2),
        ["I8"] = (ScalarType.Int8, 1),
        ["U8"] = (ScalarType.Byte, 1),
        ["BOOL"] = (ScalarType.Bool, 1),
    };

    /// <summary>Reads and checks it.</summary>
    /// <param name="path">Name of the file, for messages.</param>
    /// <param name="file">The file, at its start.</param>
    /// <exception cref="InvalidDataException">The file is damaged; the message says where.</exception>
    public static Dictionary<string, SafetensorsEntry> Read(string path, FileStream file)
    {
        return Parse(path, file, (json, length) =>
        {
            var entries = json.EnumerateObject().Where(p => p.Name != Metadata).ToDictionary(p => p.Name, p => Entry(path, p, 8 + length, file.Length), StringComparer.Ordinal);
            CheckCover(path, entries, 8 + length, file.Length);
            return entries;
        });
    }

    /// <summary>Numbers by the names of their types, those of types that are not read as well.</summary>
    /// <param name="path">Name of the file, for messages.</param>
    /// <param name="file">The file, at its start.</param>
    /// <exception cref="InvalidDataException">The file is damaged; the message says where.</exception>
    public static IReadOnlyDictionary<string, long> CountNumbers(string path, FileStream file) => Parse(path, file, (json, _) => json.EnumerateObject().Where(p => p.Name != Metadata)
        .GroupBy(p => p.Value.GetProperty("dtype").GetString() ?? "", p => p.Value.GetProperty("shape").EnumerateArray().Aggregate(1L, (a, s) => checked(a * s.GetInt64())))
        .ToDictionary(g => g.Key, g => g.Sum(), StringComparer.Ordinal));

    private static T Parse<T>(string path, FileStream file, Func<JsonElement, long, T> read)
    {
        Span<byte> prefix = stackalloc byte[8];
        if (file.Length < 8 || file.ReadAtLeast(prefix, 8, throwOnEndOfStream: false) < 8)
        {
            throw new InvalidDataException($"{path}: {file.Length} bytes are too few for a safetensors file");
        }

        var length = BinaryPrimitives.ReadInt64LittleEndian(prefix);
        if (length is < 2 or > MaxHeader || 8 + length > file.Length)
        {
            throw new InvalidDataException($"{path}: header of {length} bytes does not fit a file of {file.Length}; the file is damaged or cut off");
        }

        var bytes = new byte[length];
        file.ReadExactly(bytes);
        try
        {
            using var json = JsonDocument.Parse(bytes, new JsonDocumentOptions { AllowDuplicateProperties = false });
            return read(json.RootElement, length);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or OverflowException)
        {
            throw new InvalidDataException($"{path}: the header is no safetensors header ({e.Message})", e);
        }
    }

    private static SafetensorsEntry Entry(string path, JsonProperty property, long start, long end)
    {
        var dtype = property.Value.GetProperty("dtype").GetString() ?? "";
        if (!Types.TryGetValue(dtype, out var type))
        {
            throw new InvalidDataException($"{path}: tensor '{property.Name}' has dtype '{dtype}'; supported: {string.Join(", ", Types.Keys)}");
        }

        var shape = property.Value.GetProperty("shape").EnumerateArray().Select(s => s.GetInt64()).ToArray();
        var offsets = property.Value.GetProperty("data_offsets").EnumerateArray().Select(s => s.GetInt64()).ToArray();
        var size = checked(shape.Aggregate(1L, (a, b) => checked(a * b)) * type.Size);
        return Array.Exists(shape, s => s < 0) || offsets.Length != 2 || offsets[0] < 0 || offsets[1] - offsets[0] != size || offsets[1] > end - start
            ? throw new InvalidDataException($"{path}: tensor '{property.Name}' of shape [{string.Join(", ", shape)}] does not fit its bytes {string.Join("..", offsets)}; the file is damaged or cut off")
            : new SafetensorsEntry(type.Type, shape, start + offsets[0], size);
    }

    /// <summary>Tensors that overlap would change each other, and bytes of no tensor are no weights.</summary>
    private static void CheckCover(string path, Dictionary<string, SafetensorsEntry> entries, long start, long end)
    {
        var at = start;
        foreach (var (name, entry) in entries.OrderBy(e => e.Value.Offset).ThenBy(e => e.Value.Length))
        {
            if (entry.Offset != at)
            {
                throw new InvalidDataException($"{path}: tensor '{name}' begins at byte {entry.Offset}, the one before it ends at {at}; tensors must stand end to end");
            }

            at += entry.Length;
        }

        if (at != end)
        {
            throw new InvalidDataException($"{path}: its tensors end at byte {at}, the file at {end}; the file is damaged or cut off");
        }
    }
}
