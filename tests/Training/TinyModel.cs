using Axpo.Training.Models;
using Axpo.Training.Tokenization;

namespace Axpo.Training.Tests;

/// <summary>A small random model in a folder of its own.</summary>
public sealed class TinyModel : IDisposable
{
    public static readonly string[] Corpus =
    [
        "What is 425 plus 131?", "Find 7 minus 16?", "use python", "I can do it", "use search", "then search", "capital of France", "country after Hong Kong", "python query",
    ];

    private readonly string _root = Directory.CreateTempSubdirectory("axpo-test-").FullName;

    public TinyModel()
        : this(32, 2)
    {
    }

    internal TinyModel(int hidden, int layers, ulong seed = 1, int maxPositions = 1024)
    {
        Folder = Path.Combine(_root, "model");
        var files = Directory.CreateDirectory(Path.Combine(_root, "tokenizer")).FullName;
        TinyTokenizerBuilder.Write(files, Corpus, 40, 40);
        Tokenizer = TextTokenizer.FromFolder(files);
        var config = new DecoderConfig
        {
            VocabSize = Tokenizer.Size,
            HiddenSize = hidden,
            Layers = layers,
            Heads = 4,
            KvHeads = 2,
            HeadDim = 8,
            IntermediateSize = hidden * 2,
            MaxPositions = maxPositions,
            EosTokenId = Tokenizer.Added("<im_end>"),
        };
        using (var decoder = Decoder.Create(config, seed))
        {
            decoder.Save(Folder);
        }

        foreach (var file in Directory.GetFiles(files))
        {
            File.Copy(file, Path.Combine(Folder, Path.GetFileName(file)));
        }
    }

    public string Folder { get; }

    public TextTokenizer Tokenizer { get; }

    public string Scratch(string name) => Path.Combine(_root, name);

    public void Dispose() => Directory.Delete(_root, recursive: true);
}
