using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Axpo.Core;

namespace Axpo.Training.Models.Lora;

/// <summary>Rank, weight and places of an adapter, as PEFT's <c>adapter_config.json</c> says them.</summary>
public sealed record LoraShape
{
    /// <summary>Name of the file.</summary>
    public const string FileName = "adapter_config.json";

    /// <summary>Stands for every projection of every layer.</summary>
    public const string AllLinear = "all-linear";

    /// <summary>Projections of a layer.</summary>
    public static IReadOnlyList<string> Projections { get; } = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];

    /// <summary>Everything that can be adapted: projections of a layer, and of a vision tower's blocks and mergers.</summary>
    public static IReadOnlyList<string> Adaptable { get; } = [.. Projections, "qkv", "attn.proj", "linear_fc1", "linear_fc2"];

    // Fields that say nothing about the forward pass, whatever they hold.
    private static readonly string[] _harmless = ["peft_version", "base_model_name_or_path", "revision", "inference_mode", "init_lora_weights", "task_type", "megatron_core", "qalora_group_size", "auto_mapping"];

    /// <summary>Rank of the adapter.</summary>
    public required int Rank { get; init; }

    /// <summary>Its weight times its rank: what it adds is scaled by alpha / rank.</summary>
    public required double Alpha { get; init; }

    /// <summary>Names of the projections that it adapts, of <see cref="Adaptable"/>.</summary>
    public required IReadOnlyList<string> Targets { get; init; }

    /// <summary>Folder of the model that it belongs to; empty: not said.</summary>
    public string Base { get; init; } = "";

    /// <summary>What a run's configuration asks for; null: no adapter.</summary>
    /// <param name="options">The configuration.</param>
    /// <param name="model">Folder of the model.</param>
    public static LoraShape? Of(LoraOptions options, string model) => options.Rank == 0 ? null : new LoraShape
    {
        Rank = options.Rank,
        Alpha = options.Alpha,
        Targets = options.Targets == AllLinear ? Projections : [.. Adaptable.Where(options.Targets.Split(',', StringSplitOptions.TrimEntries).Contains)],
        Base = Path.GetFullPath(model),
    };

    /// <summary>Whether a folder holds an adapter rather than a model.</summary>
    public static bool IsIn(string folder) => File.Exists(Path.Combine(folder, FileName)) && !File.Exists(Path.Combine(folder, "config.json"));

    /// <summary>Folder of the model that the adapter in a folder belongs to, relative names from there.</summary>
    /// <exception cref="FileNotFoundException">It is gone.</exception>
    public static string BaseOf(string folder)
    {
        var said = FromFolder(folder).Base;
        var path = Path.GetFullPath(said, Path.GetFullPath(folder));
        return said.Length > 0 && Directory.Exists(path)
            ? path
            : throw new FileNotFoundException($"adapter: the model '{said}' that base_model_name_or_path of '{Path.Combine(folder, FileName)}' names is no folder here; write there where it is");
    }

    /// <summary>Reads <c>adapter_config.json</c>.</summary>
    /// <param name="folder">Folder of the adapter.</param>
    /// <exception cref="FileNotFoundException">There is none.</exception>
    /// <exception cref="NotSupportedException">A field would change the mathematics and is not supported; the message names it.</exception>
    /// <exception cref="InvalidDataException">A field is missing or has the wrong type.</exception>
    public static LoraShape FromFolder(string folder)
    {
        var path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"adapter: '{folder}' holds no {FileName}; give a folder that PEFT wrote", path);
        }

        JsonObject json;
        try
        {
            json = JsonNode.Parse(File.ReadAllText(path)) as JsonObject ?? throw new InvalidDataException($"{path}: not a JSON object");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path}: not valid JSON ({e.Message})", e);
        }

        Require("peft_type", n => n?.ToString() == "LORA", "LORA");
        Require("bias", n => n is null || n.ToString() == "none", "none");
        Require("lora_dropout", n => n is null || (n is JsonValue v && v.TryGetValue<double>(out var share) && share == 0), "0");
        string[] read = ["peft_type", "bias", "lora_dropout", "r", "lora_alpha", "target_modules"];
        foreach (var (name, value) in json.Where(f => !read.Contains(f.Key) && !_harmless.Contains(f.Key)))
        {
            // Everything else that PEFT knows is off where it is null, false or empty; megatron's settings only name their defaults.
            if (value is not (null or JsonObject { Count: 0 } or JsonArray { Count: 0 }) && value.ToJsonString() != "false")
            {
                throw new NotSupportedException($"{path}: {name} = {value.ToJsonString()} is not supported; supported: null, false or empty");
            }
        }

        return new LoraShape
        {
            Rank = json["r"] is JsonValue r && r.TryGetValue<int>(out var rank) && rank > 0 ? rank : throw Wrong("r", "an integer above 0"),
            Alpha = json["lora_alpha"] is JsonValue a && a.TryGetValue<double>(out var alpha) && double.IsFinite(alpha) && alpha != 0 ? alpha : throw Wrong("lora_alpha", "a number other than 0"),
            Targets = ReadTargets(json["target_modules"]),
            Base = json["base_model_name_or_path"]?.ToString() ?? "",
        };

        void Require(string name, Func<JsonNode?, bool> accept, string supported)
        {
            if (!accept(json[name]))
            {
                throw new NotSupportedException($"{path}: {name} = {json[name]?.ToJsonString() ?? "missing"} is not supported; supported: {supported}");
            }
        }

        IReadOnlyList<string> ReadTargets(JsonNode? node)
        {
            string[] names = node switch
            {
                JsonArray list => [.. list.Select(n => n?.ToString() ?? "")],
                JsonValue v when v.ToString() == AllLinear => [.. Projections],
                _ => throw Wrong("target_modules", $"a list of {string.Join(", ", Adaptable)}, or \"{AllLinear}\""),
            };
            return names.Length > 0 && names.All(n => Adaptable.Contains(n, StringComparer.Ordinal))
                ? [.. Adaptable.Where(n => names.Contains(n, StringComparer.Ordinal))]
                : throw new NotSupportedException($"{path}: target_modules = {node.ToJsonString()} is not supported; supported: {string.Join(", ", Adaptable)}");
        }

        InvalidDataException Wrong(string name, string kind) => new($"{path}: {name} should be {kind}, is {json[name]?.ToJsonString() ?? "missing"}");
    }

    /// <summary>The <c>adapter_config.json</c> that PEFT reads.</summary>
    public string ToJson() => new JsonObject
    {
        ["peft_type"] = "LORA",
        ["task_type"] = "CAUSAL_LM",
        ["base_model_name_or_path"] = Base,
        ["r"] = Rank,
        ["lora_alpha"] = Alpha == Math.Floor(Alpha) && Math.Abs(Alpha) < int.MaxValue ? JsonValue.Create((int)Alpha) : JsonValue.Create(Alpha),
        ["lora_dropout"] = 0.0,
        ["target_modules"] = new JsonArray([.. Targets.Select(t => (JsonNode?)t)]),
        ["bias"] = "none",
        ["fan_in_fan_out"] = false,
        ["inference_mode"] = true,
        ["init_lora_weights"] = true,
        ["use_rslora"] = false,
        ["use_dora"] = false,
        ["modules_to_save"] = null,
    }.ToJsonString(new JsonSerializerOptions { WriteIndented = true });

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"rank {Rank}, alpha {Alpha}, on {string.Join(", ", Targets)}");
}
