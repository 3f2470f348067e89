using System.Text.Json;
using System.Text.Json.Nodes;
using Axpo.Core;
using Axpo.Training.Chat;
using Axpo.Training.Models.Lora;
using Axpo.Training.Safetensors;

namespace Axpo.Training.Models.Inspection;

/// <summary>Reads what a model folder says of itself: configuration, headers of the weights, tokenizer, template. No weights are read but an adapter's.</summary>
public static class ModelInspector
{
    private const string Field = "model: ";

    /// <summary>Reads a folder.</summary>
    /// <param name="folder">A model's or an adapter's folder.</param>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="DllNotFoundException">libtorch, whose types the shapes are checked with, cannot be loaded.</exception>
    public static ModelInspection Inspect(string folder)
    {
        if (!Directory.Exists(folder))
        {
            throw new DirectoryNotFoundException($"model: there is no folder '{folder}'; give a Hugging Face folder");
        }

        var refusals = new List<string>();
        var isAdapter = LoraShape.IsIn(folder);
        var below = isAdapter ? Try(() => LoraShape.BaseOf(folder), refusals) : folder;
        var config = below is null ? null : Try(() => DecoderConfig.FromFolder(below), refusals);
        if (config is not null)
        {
            Try(() => Check(folder), refusals);
        }

        var chat = Try(() => ChatFormats.FromFolder(folder), refusals);
        return new ModelInspection
        {
            Folder = folder,
            Architecture = config is not null ? Of(config) : below is null ? null : Read(Path.Combine(below, "config.json")),
            Weights = below is null ? null : Try(() => WeightsOf(below), refusals),
            Adapter = isAdapter ? Try(() => AdapterOf(folder), refusals) : null,
            Chat = chat is null ? null : new ChatFacts(
                chat.VocabularySize,
                chat is HfChatFormat ? "folder" : "axpo",
                chat is HfChatFormat { HasNativeTools: true } or TinyChatFormat,
                [.. chat.StopTokens.Distinct().Select(id => new EndToken(id, chat.Decode([id])))]),
            Refusals = [.. refusals.Distinct(StringComparer.Ordinal)],
            Config = config,
        };
    }

    private static object Check(string folder)
    {
        Decoder.CheckFolder(folder);
        return folder;
    }

    private static ArchitectureFacts Of(DecoderConfig c) => new()
    {
        ModelType = c.ModelType,
        Layers = c.Layers,
        HiddenSize = c.HiddenSize,
        IntermediateSize = c.IntermediateSize,
        Heads = c.Heads,
        KvHeads = c.KvHeads,
        HeadDim = c.HeadDim,
        VocabSize = c.VocabSize,
        TiesHead = c.TieWordEmbeddings,
        RopeTheta = c.RopeTheta,
        RopeScaling = c.RopeScaling is { } s ? FormattableString.Invariant($"llama3, by {s.Factor} over {s.OriginalContext} tokens") : null,
        MaxPositions = c.MaxPositions,
        Parameters = c.ParameterCount,
        NonEmbeddingParameters = c.ParameterCount - ((c.TieWordEmbeddings ? 1L : 2L) * c.VocabSize * c.HiddenSize),
    };

    /// <summary>What a config.json that was refused says under the usual names.</summary>
    private static ArchitectureFacts? Read(string path)
    {
        JsonObject? json;
        try
        {
            json = JsonNode.Parse(File.ReadAllText(path)) as JsonObject;
        }
        catch (Exception e) when (e is IOException or JsonException)
        {
            // The refusal says so.
            return null;
        }

        // Models of several parts say the decoder's shape inside.
        var type = json?["model_type"] is JsonValue said && said.TryGetValue<string>(out var name) ? name : null;
        json = json?["text_config"] as JsonObject ?? json;
        return json is null ? null : new ArchitectureFacts
        {
            ModelType = type,
            Layers = Number("num_hidden_layers"),
            HiddenSize = Number("hidden_size"),
            IntermediateSize = Number("intermediate_size"),
            Heads = Number("num_attention_heads"),
            KvHeads = Number("num_key_value_heads"),
            HeadDim = Number("head_dim"),
            VocabSize = Number("vocab_size"),
            TiesHead = json["tie_word_embeddings"] is JsonValue ties && ties.TryGetValue<bool>(out var tied) ? tied : null,
            RopeTheta = json["rope_theta"] is JsonValue theta && theta.TryGetValue<double>(out var value) ? value : null,
            RopeScaling = (json["rope_scaling"] ?? json["rope_parameters"])?.ToJsonString(),
            MaxPositions = Number("max_position_embeddings"),
        };

        int? Number(string name) => json[name] is JsonValue v && v.TryGetValue<int>(out var found) ? found : null;
    }

    private static WeightFacts WeightsOf(string folder)
    {
        var files = ModelWeights.Files(folder);
        var numbers = new SortedDictionary<string, long>(StringComparer.Ordinal);
        foreach (var (type, count) in files.SelectMany(SafetensorsFile.CountNumbers))
        {
            numbers[type] = numbers.GetValueOrDefault(type) + count;
        }

        return new WeightFacts(files.Count, files.Sum(f => new FileInfo(f).Length), numbers);
    }

    private static AdapterFacts AdapterOf(string folder)
    {
        var (shape, file) = (LoraShape.FromFolder(folder), new FileInfo(Path.Combine(folder, ModelWeights.AdapterName)));
        return new AdapterFacts(shape.Rank, shape.Alpha, shape.Targets, shape.Base, file.Exists ? file.Length : 0);
    }

    private static T? Try<T>(Func<T> read, List<string> refusals)
        where T : class
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is IOException or InvalidDataException or NotSupportedException or JsonException)
        {
            refusals.Add(e.Message.StartsWith(Field, StringComparison.Ordinal) ? e.Message[Field.Length..] : e.Message);
            return null;
        }
    }
}
