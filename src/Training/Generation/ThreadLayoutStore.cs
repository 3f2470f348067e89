using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Axpo.Training.Kernels;
using Axpo.Training.Models;

namespace Axpo.Training.Generation;

/// <summary>
/// Measured thread layouts, one file each in a folder, by machine and shape of the model: what was measured once holds for every later start, so that a resumed run has the layout that it began with.
/// A file that cannot be read, is damaged or is of another machine counts as absent; one that cannot be written is measured again next time.
/// </summary>
/// <param name="folder">The folder; made when first needed.</param>
public sealed class ThreadLayoutStore(string folder)
{
    private static readonly JsonSerializerOptions _json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <summary>The stored layout; null: none.</summary>
    internal ThreadLayout? Read(string key)
    {
        try
        {
            return JsonSerializer.Deserialize<Entry>(File.ReadAllBytes(Path(key)), _json) is { } entry && entry.Key == key && entry.Workers is >= 1 and <= 256 && entry.RowsOfAWorker >= 1
                ? new ThreadLayout(entry.Workers, entry.RowsOfAWorker)
                : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    /// <summary>Stores a layout, whole or not at all.</summary>
    internal void Write(string key, ThreadLayout layout)
    {
        try
        {
            Directory.CreateDirectory(folder);
            var aside = $"{Path(key)}.{Guid.NewGuid():N}.part";
            File.WriteAllBytes(aside, JsonSerializer.SerializeToUtf8Bytes(new Entry(key, layout.Workers, layout.RowsOfAWorker), _json));
            File.Move(aside, Path(key), overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A folder that takes no files costs the next start a measurement.
            _ = e;
        }
    }

    /// <summary>What a layout is measured for: this machine, the decoder's shape, and how its weights are read.</summary>
    internal static string Key(DecoderConfig config, bool deterministic)
    {
        var shape = config with { MaxPositions = 0, BosTokenId = null, EosTokenId = null };
        return FormattableString.Invariant($"{Processor()}, {RuntimeInformation.ProcessArchitecture}, {Environment.ProcessorCount} cores; {shape}; {(PanelProduct.IsSupported ? "packed weights" : deterministic ? "fixed rows" : "any rows")}");
    }

    private static string Processor()
    {
        const string Facts = "/proc/cpuinfo";
        var line = File.Exists(Facts) ? File.ReadLines(Facts).FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal)) : null;
        return line is null ? "unknown processor" : line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
    }

    private string Path(string key) => System.IO.Path.Combine(folder, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)))[..16] + ".json");

    private sealed record Entry(string Key, int Workers, int RowsOfAWorker);
}
