using System.Collections.Concurrent;
using System.IO.Compression;
using Axpo.Training.Tokenization;

namespace Axpo.Training.Tests.Tokenization;

/// <summary>Tokenizers of the fixtures, each unpacked and read once; one that is not under <see cref="Fixtures.Root"/> is the repository's own.</summary>
public static class TokenizerFolders
{
    private static readonly ConcurrentDictionary<string, Lazy<TextTokenizer>> Read = new(StringComparer.Ordinal);

    public static IEnumerable<string> Families
    {
        get
        {
            var root = Path.Combine(Fixtures.Root, "tokenizer");
            return Directory.Exists(root) ? Directory.GetDirectories(root).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal) : [];
        }
    }

    public static TextTokenizer Of(string family) => Read.GetOrAdd(family, name => new Lazy<TextTokenizer>(() =>
    {
        var folder = Directory.CreateTempSubdirectory("axpo-test-").FullName;
        try
        {
            Unpack(name, folder);
            return TextTokenizer.FromFolder(folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    })).Value;

    /// <summary>Writes tokenizer.json and tokenizer_config.json of a family into a folder.</summary>
    public static void Unpack(string family, string folder)
    {
        var source = new[] { Fixtures.Root, Fixtures.Own }.Select(root => Path.Combine(root, "tokenizer", family)).First(f => File.Exists(Path.Combine(f, "tokenizer.json.gz")));
        using (var packed = new GZipStream(File.OpenRead(Path.Combine(source, "tokenizer.json.gz")), CompressionMode.Decompress))
        using (var file = File.Create(Path.Combine(folder, "tokenizer.json")))
        {
            packed.CopyTo(file);
        }

        File.Copy(Path.Combine(source, "tokenizer_config.json"), Path.Combine(folder, "tokenizer_config.json"));
    }
}
