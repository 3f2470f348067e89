using System.Text.Json;
using static TorchSharp.torch;

namespace Axpo.Training.Safetensors;

/// <summary>The weights of a Hugging Face folder: <c>model.safetensors</c>, or shards with <c>model.safetensors.index.json</c>.</summary>
public static class ModelWeights
{
    /// <summary>Name of the single file.</summary>
    public const string FileName = "model.safetensors";

    /// <summary>Name of the index of shards.</summary>
    public const string IndexName = "model.safetensors.index.json";

    /// <summary>Files that hold the weights.</summary>
    /// <exception cref="FileNotFoundException">There are none.</exception>
    public static IReadOnlyList<string> Files(string folder)
    {
        var index = Path.Combine(folder, IndexName);
        if (File.Exists(index))
        {
            using var json = JsonDocument.Parse(File.ReadAllText(index));
            return [.. json.RootElement.GetProperty("weight_map").EnumerateObject().Select(p => p.Value.GetString()!).Distinct(StringComparer.Ordinal)
                .Order(StringComparer.Ordinal).Select(f => Safe(folder, f))];
        }

        var single = Path.Combine(folder, FileName);
        return File.Exists(single)
            ? [single]
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
        var found = new Dictionary<string, (string File, long[] Shape)>(StringComparer.Ordinal);
        foreach (var file in files)
        {
            foreach (var (name, entry) in SafetensorsFile.ReadHeader(file))
            {
                found[name] = (file, entry.Shape);
            }
        }

        List<string> faults =
        [
            .. expected.Keys.Where(n => !found.ContainsKey(n)).Select(n => $"missing: {n} [{string.Join(", ", expected[n])}]"),
            .. found.Keys.Where(n => !expected.ContainsKey(n) && !ignored(n)).Select(n => $"extra: {n} [{string.Join(", ", found[n].Shape)}]"),
            .. expected.Where(e => found.TryGetValue(e.Key, out var f) && !f.Shape.AsSpan().SequenceEqual(e.Value))
                .Select(e => $"wrong shape: {e.Key} is [{string.Join(", ", found[e.Key].Shape)}], config.json asks for [{string.Join(", ", e.Value)}]"),
        ];
        if (faults.Count > 0)
        {
            throw new InvalidDataException($"model: the weights in '{folder}' do not fit its config.json:{Environment.NewLine}  {string.Join(Environment.NewLine + "  ", faults)}");
        }

        return files;
    }

    /// <summary>Reads tensors by exact names and shapes.</summary>
    /// <param name="folder">A model folder.</param>
    /// <param name="expected">Shape of every tensor that must be there.</param>
    /// <param name="ignored">Whether an extra name may be ignored (a stored copy of a tied head).</param>
    /// <exception cref="InvalidDataException">Names or shapes differ; one message lists all that are missing, extra or wrong.</exception>
    public static Dictionary<string, Tensor> Read(string folder, IReadOnlyDictionary<string, long[]> expected, Func<string, bool> ignored)
    {
        var files = Check(folder, expected, ignored);
        var tensors = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        foreach (var file in files)
        {
            foreach (var (name, tensor) in SafetensorsFile.Read(file))
            {
                if (expected.ContainsKey(name))
                {
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

    private static string Safe(string folder, string file) => file == Path.GetFileName(file)
        ? Path.Combine(folder, file)
        : throw new InvalidDataException($"{Path.Combine(folder, IndexName)}: shard '{file}' leaves the folder");
}
