using System.Security.Cryptography;

namespace Axpo.Silo.Storage;

/// <summary>SHA-256 of files, as manifests and published weights name it.</summary>
public static class FileHashes
{
    private const int BufferBytes = 1 << 20;

    /// <summary>Hash of a model folder's weights: of its one file, of its shards in the order of their names, or of an adapter.</summary>
    public static Task<string> OfWeightsAsync(string folder, CancellationToken cancellationToken)
    {
        string[] files = [.. Directory.EnumerateFiles(folder, "model*.safetensors").Order(StringComparer.Ordinal)];
        return OfAsync(files.Length > 0 ? files : Directory.EnumerateFiles(folder, "adapter_model.safetensors"), cancellationToken);
    }

    /// <summary>Hash of files, one after another.</summary>
    public static async Task<string> OfAsync(IEnumerable<string> files, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[BufferBytes];
        foreach (var file in files)
        {
            var stream = File.OpenRead(file);
            await using (stream)
            {
                while (await stream.ReadAsync(buffer, cancellationToken) is > 0 and var read)
                {
                    hash.AppendData(buffer.AsSpan(0, read));
                }
            }
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
