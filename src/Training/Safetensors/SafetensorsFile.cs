using System.Buffers.Binary;
using System.Text.Json;
using Axpo.Training.Devices;
using static TorchSharp.torch;

namespace Axpo.Training.Safetensors;

/// <summary>Where a tensor stands in a file.</summary>
/// <param name="Type">Element type.</param>
/// <param name="Shape">Shape.</param>
/// <param name="Offset">First byte in the file.</param>
/// <param name="Length">Bytes.</param>
public sealed record SafetensorsEntry(ScalarType Type, long[] Shape, long Offset, long Length);

/// <summary>
/// Reads and writes the safetensors format (https://github.com/huggingface/safetensors): eight bytes of header length, a JSON header, raw
/// little-endian tensors. The header is checked before anything is read.
/// </summary>
public static class SafetensorsFile
{
    private const long MaxHeader = 100_000_000;

    private static readonly Dictionary<string, (ScalarType Type, int Size)> Types = new(StringComparer.Ordinal)
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

    /// <summary>Reads the header.</summary>
    /// <exception cref="InvalidDataException">The file is damaged; the message says where.</exception>
    public static IReadOnlyDictionary<string, SafetensorsEntry> ReadHeader(string path)
    {
        using var file = File.OpenRead(path);
        return ReadHeader(path, file);
    }

    /// <summary>Reads every tensor of a file.</summary>
    /// <exception cref="InvalidDataException">The file is damaged; the message says where.</exception>
    public static Dictionary<string, Tensor> Read(string path)
    {
        using var file = File.OpenRead(path);
        var tensors = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        foreach (var (name, entry) in ReadHeader(path, file))
        {
            var tensor = empty(entry.Shape, dtype: entry.Type);
            if (entry.Length > 0)
            {
                file.Position = entry.Offset;
                file.ReadExactly(tensor.bytes);
            }

            tensors[name] = tensor;
        }

        return tensors;
    }

    /// <summary>Writes tensors in the order given; the header is padded to 8 bytes.</summary>
    public static void Write(string path, IEnumerable<(string Name, Tensor Value)> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        using var scope = NewDisposeScope();
        var items = tensors.Select(t => (t.Name, Value: t.Value.ToHost())).ToList();
        using var header = new MemoryStream();
        using (var json = new Utf8JsonWriter(header))
        {
            json.WriteStartObject();
            json.WriteStartObject("__metadata__");
            foreach (var (key, value) in metadata ?? new Dictionary<string, string>(StringComparer.Ordinal) { ["format"] = "pt" })
            {
                json.WriteString(key, value);
            }

            json.WriteEndObject();
            long at = 0;
            foreach (var (name, value) in items)
            {
                json.WriteStartObject(name);
                json.WriteString("dtype", Types.First(t => t.Value.Type == value.dtype).Key);
                json.WriteStartArray("shape");
                foreach (var size in value.shape)
                {
                    json.WriteNumberValue(size);
                }

                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(at);
                json.WriteNumberValue(at += Bytes(value));
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        while (header.Length % 8 != 0)
        {
            header.WriteByte((byte)' ');
        }

        using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None);
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
        file.Write(length);
        header.Position = 0;
        header.CopyTo(file);
        foreach (var (_, value) in items)
        {
            if (value.numel() > 0)
            {
                file.Write(value.bytes);
            }
        }

        file.Flush(flushToDisk: true);
    }

    private static long Bytes(Tensor tensor) => tensor.numel() * tensor.ElementSize;

    private static Dictionary<string, SafetensorsEntry> ReadHeader(string path, FileStream file)
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
        var entries = new Dictionary<string, SafetensorsEntry>(StringComparer.Ordinal);
        try
        {
            using var json = JsonDocument.Parse(bytes);
            foreach (var property in json.RootElement.EnumerateObject().Where(p => p.Name != "__metadata__"))
            {
                var dtype = property.Value.GetProperty("dtype").GetString() ?? "";
                if (!Types.TryGetValue(dtype, out var type))
                {
                    throw new InvalidDataException($"{path}: tensor '{property.Name}' has dtype '{dtype}'; supported: {string.Join(", ", Types.Keys)}");
                }

                var shape = property.Value.GetProperty("shape").EnumerateArray().Select(s => s.GetInt64()).ToArray();
                var offsets = property.Value.GetProperty("data_offsets").EnumerateArray().Select(s => s.GetInt64()).ToArray();
                var size = shape.Aggregate(1L, (a, b) => checked(a * b)) * type.Size;
                if (offsets.Length != 2 || offsets[0] < 0 || offsets[1] - offsets[0] != size || 8 + length + offsets[1] > file.Length)
                {
                    throw new InvalidDataException($"{path}: tensor '{property.Name}' of shape [{string.Join(", ", shape)}] does not fit its bytes {string.Join("..", offsets)}; the file is damaged or cut off");
                }

                entries[property.Name] = new SafetensorsEntry(type.Type, shape, 8 + length + offsets[0], size);
            }
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new InvalidDataException($"{path}: the header is no safetensors header ({e.Message})", e);
        }

        return entries;
    }
}
