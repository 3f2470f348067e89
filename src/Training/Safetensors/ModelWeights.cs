using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace Axpo.Training.Safetensors;

/// <summary>The weights of a Hugging Face folder: <c>model.safetensors</c>, or shards with <c>model.safetensors.index.json</c>.</summary>
public static class ModelWeights
{
    /// <summary>Name of the single file.</summary>
    public const string FileName = "model.safetensors";

    /// <summary>Name of the index of shards.</summary>
    public const string IndexName = "model.safetensors.index.json";

    /// <summary>Largest file that <see cref="Write"/> makes by default, bytes: what transformers writes.</summary>
    public const long ShardBytes = 5_000_000_000;

    /// <summary>Name of an adapter's file.</summary>
    public const string AdapterName = "adapter_model.safetensors";

    /// <summary>Files that hold the weights, in the order of their names; of an adapter's folder, the adapter's.</summary>
    /// <exception cref="FileNotFoundException">There are none.</exception>
    /// <exception cref="InvalidDataException">The index is damaged, or names a file outside the folder.</exception>
    public static IReadOnlyList<string> Files(string folder)
    {
        var index = Path.Combine(folder, IndexName);
        if (File.Exists(index))
        {
            return [.. Shards(index).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).Select(f => Safe(folder, f))];
        }

        var single = Path.Combine(folder, FileName);
        var adapter = Path.Combine(folder, AdapterName);
        return File.Exists(single) ? [single]
            : File.Exists(adapter) ? [adapter]
            : throw new FileNotFoundException($"model: '{folder}' holds neither {FileName} nor {IndexName}", single);
    }

    /// <summary>Checks names and shapes; reads headers only.</summary>
    /// <param name="folder">A model folder.</param>
    /// <param name="expected">Shape of every tensor that must be there.</param>
    /// <param name="ignored">Whether an extra name may be ignored (a stored copy of a tied head).</param>
    /// <returns>The files that hold the weights.</returns>
    /// <exception cref="InvalidDataException">Names or shapes differ; one message lists all that are missing, extra or wrong.</exception>
    public static IReadOnlyList<string> Check(string folder, IReadOnlyDictionary<string, long[]> expected, Func<string, bool> ignored)
    {
        var files = Files(folder);
        CheckNames($"the weights in '{folder}' do not fit its config.json", "config.json", files.SelectMany(SafetensorsFile.ReadHeader), expected, ignored);
        return files;
    }

    /// <summary>Reads tensors by exact names and shapes.</summary>
    /// <param name="folder">A model folder.</param>
    /// <param name="expected">Shape of every tensor that must be there.</param>
    /// <param name="ignored">Whether an extra name may be ignored (a stored copy of a tied head).</param>
    /// <exception cref="InvalidDataException">Names or shapes differ (one message lists all that are missing, extra or wrong), or a number is not finite.</exception>
    public static Dictionary<string, Tensor> Read(string folder, IReadOnlyDictionary<string, long[]> expected, Func<string, bool> ignored)
    {
        return Read(Check(folder, expected, ignored), expected);
    }

    /// <summary>Reads an adapter's tensors by exact names and shapes.</summary>
    /// <param name="file">The file.</param>
    /// <param name="expected">Shape of every tensor that must be there, and no other.</param>
    /// <exception cref="FileNotFoundException">There is none.</exception>
    /// <exception cref="InvalidDataException">Names or shapes differ (one message lists all that are missing, extra or wrong), or a number is not finite.</exception>
    public static Dictionary<string, Tensor> ReadAdapter(string file, IReadOnlyDictionary<string, long[]> expected)
    {
        CheckNames($"'{file}' does not hold what it should", "adapter_config.json", SafetensorsFile.ReadHeader(file), expected, _ => false);
        return Read([file], expected);
    }

    /// <summary>Writes the weights: one file, or shards with an index where they are larger.</summary>
    /// <param name="folder">An existing folder without weights.</param>
    /// <param name="tensors">Tensors in order.</param>
    /// <param name="shardBytes">Largest file, bytes; a tensor that is larger has one of its own.</param>
    /// <exception cref="IOException">A file exists.</exception>
    public static void Write(string folder, IReadOnlyList<(string Name, Tensor Value)> tensors, long shardBytes = ShardBytes)
    {
        var shards = new List<List<(string Name, Tensor Value)>> { new() };
        var (total, filled) = (0L, 0L);
        foreach (var item in tensors)
        {
            var bytes = item.Value.numel() * item.Value.ElementSize;
            if (filled > 0 && filled + bytes > shardBytes)
            {
                shards.Add([]);
                filled = 0;
            }

            shards[^1].Add(item);
            filled += bytes;
            total += bytes;
        }

        if (shards.Count == 1)
        {
            SafetensorsFile.Write(Path.Combine(folder, FileName), tensors);
            return;
        }

        var map = new JsonObject();
        for (var i = 0; i < shards.Count; i++)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"model-{i + 1:D5}-of-{shards.Count:D5}.safetensors");
            SafetensorsFile.Write(Path.Combine(folder, name), shards[i]);
            shards[i].ForEach(t => map[t.Name] = name);
        }

        var index = new JsonObject { ["metadata"] = new JsonObject { ["total_size"] = total }, ["weight_map"] = map };
        File.WriteAllText(Path.Combine(folder, IndexName), index.ToJsonString(new JsonSerializerOptions { WriteIndented = true }));
    }

    /// <summary>SHA-256 of the weights, lower-case hex: of the one file, or of the shards one after another in the order of their names.</summary>
    /// <exception cref="FileNotFoundException">There are none.</exception>
    public static string Sha256(string folder)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[1 << 20];
        foreach (var path in Files(folder))
        {
            using var file = File.OpenRead(path);
            while (file.Read(buffer) is > 0 and var read)
            {
                hash.AppendData(buffer, 0, read);
            }
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static Dictionary<string, Tensor> Read(IReadOnlyList<string> files, IReadOnlyDictionary<string, long[]> expected)
    {
        var tensors = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        foreach (var file in files)
        {
            foreach (var (name, tensor) in SafetensorsFile.Read(file))
            {
                if (expected.ContainsKey(name))
                {
                    CheckFinite(file, name, tensor);
                    tensors[name] = tensor;
                }
                else
                {
                    tensor.Dispose();
                }
            }
        }

        return tensors;
    }

    private static void CheckNames(string what, string by, IEnumerable<KeyValuePair<string, SafetensorsEntry>> entries, IReadOnlyDictionary<string, long[]> expected, Func<string, bool> ignored)
    {
        var found = new Dictionary<string, long[]>(StringComparer.Ordinal);
        foreach (var (name, entry) in entries)
        {
            found[name] = entry.Shape;
        }

        List<string> faults =
        [
            .. expected.Keys.Where(n => !found.ContainsKey(n)).Select(n => $"missing: {n} [{string.Join(", ", expected[n])}]"),
            .. found.Where(f => !expected.ContainsKey(f.Key) && !ignored(f.Key)).Select(f => $"extra: {f.Key} [{string.Join(", ", f.Value)}]"),
            .. expected.Where(e => found.TryGetValue(e.Key, out var f) && !f.AsSpan().SequenceEqual(e.Value))
                .Select(e => $"wrong shape: {e.Key} is [{string.Join(", ", found[e.Key])}], {by} asks for [{string.Join(", ", e.Value)}]"),
        ];
        if (faults.Count > 0)
        {
            throw new InvalidDataException($"model: {what}:{Environment.NewLine}  {string.Join(Environment.NewLine + "  ", faults)}");
        }
    }

    private static List<string> Shards(string index)
    {
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllText(index));
            return [.. json.RootElement.GetProperty("weight_map").EnumerateObject().Select(p => p.Value.GetString() ?? throw new JsonException($"no file stands for '{p.Name}'"))];
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new InvalidDataException($"{index}: should hold a weight_map of tensors' names to files ({e.Message})", e);
        }
    }

    /// <summary>Not a number and infinity are no weights: whoever computes with them computes nothing.</summary>
    private static void CheckFinite(string file, string name, Tensor tensor)
    {
        if (!tensor.is_floating_point() || tensor.numel() == 0)
        {
            return;
        }

        using var scope = NewDisposeScope();
        var (least, most) = tensor.aminmax();
        if (!double.IsFinite(least.to(ScalarType.Float64).item<double>()) || !double.IsFinite(most.to(ScalarType.Float64).item<double>()))
        {
            throw new InvalidDataException($"{file}: tensor '{name}' holds numbers that are not finite; the file is damaged, or the training that wrote it diverged");
        }
    }

    private static string Safe(string folder, string file) => file == Path.GetFileName(file)
        ? Path.Combine(folder, file)
        : throw new InvalidDataException($"{Path.Combine(folder, IndexName)}: shard '{file}' leaves the folder");
}
