using System.Buffers.Binary;
using System.Text.Json;
using Axpo.Training.Devices;
using static TorchSharp.torch;

namespace Axpo.Training.Safetensors;

/// <summary>
/// Reads and writes the safetensors format (https://github.com/huggingface/safetensors): eight bytes of header length, a JSON header, raw
/// little-endian tensors. The header is checked before anything is read.
/// </summary>
public static class SafetensorsFile
{
    /// <summary>Reads the header.</summary>
    /// <exception cref="InvalidDataException">The file is damaged; the message says where.</exception>
    public static IReadOnlyDictionary<string, SafetensorsEntry> ReadHeader(string path)
    {
        using var file = File.OpenRead(path);
        return SafetensorsHeader.Read(path, file);
    }

    /// <summary>Numbers of a file by the names of their types (<c>F32</c>, <c>BF16</c>), those of types that are not read as well; reads the header only.</summary>
    /// <exception cref="InvalidDataException">The file is damaged; the message says where.</exception>
    public static IReadOnlyDictionary<string, long> CountNumbers(string path)
    {
        using var file = File.OpenRead(path);
        return SafetensorsHeader.CountNumbers(path, file);
    }

    /// <summary>
    /// Every tensor of a file, as views of the mapped file (private to this process: what is written to them never reaches it). Nothing is in memory until it is read, and what is read may leave it again; the file must not
    /// be cut off meanwhile. Tensors that do not stand at a multiple of their elements' size are copied.
    /// </summary>
    /// <exception cref="InvalidDataException">The file is damaged; the message says where.</exception>
    public static Dictionary<string, Tensor> Read(string path)
    {
        using var file = File.OpenRead(path);
        var entries = SafetensorsHeader.Read(path, file);
        var mapped = new Dictionary<ScalarType, Tensor>();
        try
        {
            return entries.ToDictionary(e => e.Key, e => Read(path, file, e.Value, mapped), StringComparer.Ordinal);
        }
        finally
        {
            foreach (var whole in mapped.Values)
            {
                whole.Dispose();
            }
        }
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
                json.WriteString("dtype", SafetensorsHeader.Types.First(t => t.Value.Type == value.dtype).Key);
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

    private static Tensor Read(string path, FileStream file, SafetensorsEntry entry, Dictionary<ScalarType, Tensor> mapped)
    {
        if (entry.Length == 0)
        {
            return empty(entry.Shape, dtype: entry.Type);
        }

        var size = entry.Length / entry.Shape.Aggregate(1L, (a, b) => a * b);
        if (entry.Offset % size != 0)
        {
            var copy = empty(entry.Shape, dtype: entry.Type);
            file.Position = entry.Offset;
            file.ReadExactly(copy.bytes);
            return copy;
        }

        if (!mapped.TryGetValue(entry.Type, out var whole))
        {
            mapped[entry.Type] = whole = from_file(path, shared: false, size: file.Length / size, dtype: entry.Type);
        }

        using var part = whole.narrow(0, entry.Offset / size, entry.Length / size);
        return part.view(entry.Shape);
    }

    private static long Bytes(Tensor tensor) => tensor.numel() * tensor.ElementSize;
}
