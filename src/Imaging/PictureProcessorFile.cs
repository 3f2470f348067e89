using System.Text.Json;
using System.Text.Json.Nodes;

namespace Axpo.Imaging;

/// <summary>Reads <c>preprocessor_config.json</c>: what would change a number and is not computed is refused by name.</summary>
public static class PictureProcessorFile
{
    /// <summary>Name of the file in a model's folder.</summary>
    public const string FileName = "preprocessor_config.json";

    private const int Bicubic = 3;

    /// <summary>Largest side of a patch, pixels: far above every model's.</summary>
    private const int LargestPatch = 1024;

    /// <summary>Most frames of a patch, and most patches along the side of a token: far above every model's.</summary>
    private const int MostTogether = 64;

    private static readonly JsonSerializerOptions _indented = new() { WriteIndented = true };

    private static readonly string[] _types = ["Qwen2VLImageProcessor", "Qwen2VLImageProcessorFast", "Qwen2VLImageProcessorPil"];

    private static readonly HashSet<string> _harmless = new(StringComparer.Ordinal) { "processor_class", "default_to_square", "_processor_class", "auto_map", "disable_grouping", "image_seq_length", "return_tensors", "device", "_valid_processor_keys" };

    /// <summary>Reads it.</summary>
    /// <param name="folder">A model's folder.</param>
    /// <exception cref="FileNotFoundException">There is none.</exception>
    /// <exception cref="NotSupportedException">A field that would change the patches is not supported; the message names it.</exception>
    /// <exception cref="InvalidDataException">A field is missing or has the wrong type.</exception>
    public static PictureProcessor Read(string folder)
    {
        var path = Path.Combine(folder, FileName);
        return File.Exists(path)
            ? Parse(path, File.ReadAllText(path))
            : throw new FileNotFoundException($"model: '{folder}' holds no {FileName}; a model that takes pictures has one", path);
    }

    /// <summary>Writes it: what transformers reads.</summary>
    /// <param name="folder">An existing model's folder.</param>
    /// <param name="processor">How pictures are prepared.</param>
    public static void Write(string folder, PictureProcessor processor)
    {
        ArgumentNullException.ThrowIfNull(processor);
        var json = new JsonObject
        {
            ["image_processor_type"] = _types[0],
            ["do_convert_rgb"] = true,
            ["do_resize"] = processor.Resizes,
            ["resample"] = Bicubic,
            ["size"] = new JsonObject { ["shortest_edge"] = processor.MinPixels, ["longest_edge"] = processor.MaxPixels },
            ["do_rescale"] = processor.RescaleFactor is not null,
            ["rescale_factor"] = processor.RescaleFactor,
            ["do_normalize"] = processor.Mean is not null,
            ["image_mean"] = Numbers(processor.Mean),
            ["image_std"] = Numbers(processor.Deviation),
            ["patch_size"] = processor.PatchSize,
            ["temporal_patch_size"] = processor.TemporalPatchSize,
            ["merge_size"] = processor.MergeSize,
        };
        File.WriteAllText(Path.Combine(folder, FileName), json.ToJsonString(_indented));

        static JsonArray? Numbers(IReadOnlyList<double>? values) => values is null ? null : new JsonArray([.. values.Select(v => (JsonNode)v)]);
    }

    /// <summary>Reads its text.</summary>
    /// <param name="path">Name of the file, for messages.</param>
    /// <param name="text">Its content.</param>
    /// <exception cref="NotSupportedException">As <see cref="Read"/>.</exception>
    /// <exception cref="InvalidDataException">As <see cref="Read"/>.</exception>
    public static PictureProcessor Parse(string path, string text) => new Fields(path, Object(path, text)).Processor();

    private static JsonObject Object(string path, string text)
    {
        try
        {
            return JsonNode.Parse(text) as JsonObject ?? throw new InvalidDataException($"{path}: not a JSON object");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path}: not valid JSON ({e.Message})", e);
        }
    }

    private sealed class Fields(string path, JsonObject json)
    {
        private readonly HashSet<string> _read = new(StringComparer.Ordinal);

        public PictureProcessor Processor()
        {
            Require("image_processor_type", string.Join(", ", _types), n => n is JsonValue v && v.TryGetValue<string>(out var type) && _types.Contains(type));
            Require("resample", $"{Bicubic} (bicubic)", n => n is JsonValue v && v.TryGetValue<int>(out var filter) && filter == Bicubic);
            Require("do_convert_rgb", "true", n => n.ToJsonString() == "true");
            Require("do_center_crop", "false", n => n.ToJsonString() == "false");
            Require("do_pad", "false", n => n.ToJsonString() == "false");
            Require("data_format", "channels_first", n => n.ToString() == "channels_first");
            var size = Node("size") as JsonObject ?? throw Wrong("size", "an object with shortest_edge and longest_edge");
            var (least, most) = (Edge(size, "shortest_edge", "min_pixels"), Edge(size, "longest_edge", "max_pixels"));
            if (size.FirstOrDefault(p => p.Value is not null && p.Key is not ("shortest_edge" or "longest_edge" or "min_pixels" or "max_pixels")) is { Key: { } other })
            {
                throw new NotSupportedException($"{path}: size.{other} is not supported; supported: shortest_edge, longest_edge");
            }

            var normalises = Flag("do_normalize");
            var processor = new PictureProcessor
            {
                PatchSize = Side("patch_size", LargestPatch),
                TemporalPatchSize = Side("temporal_patch_size", MostTogether),
                MergeSize = Side("merge_size", MostTogether),
                MinPixels = least,
                MaxPixels = most,
                Resizes = Flag("do_resize"),
                RescaleFactor = Flag("do_rescale") ? Factor("rescale_factor", 1.0 / 255) : Ignored("rescale_factor"),
                Mean = normalises ? Channels("image_mean", number => double.IsFinite(number)) : Ignore("image_mean"),
                Deviation = normalises ? Channels("image_std", number => double.IsFinite(number) && number > 0) : Ignore("image_std"),
            };
            RefuseUnknown();
            return least <= most ? processor : throw new InvalidDataException($"{path}: size.shortest_edge {least} is above longest_edge {most}");
        }

        private void RefuseUnknown()
        {
            foreach (var (name, value) in json)
            {
                if (value is not null && !_read.Contains(name) && !_harmless.Contains(name))
                {
                    throw new NotSupportedException($"{path}: {name} = {value.ToJsonString()} is not known, and might change what the model sees; if it does not, take it out of {FileName}");
                }
            }
        }

        private void Require(string name, string supported, Func<JsonNode, bool> accept)
        {
            if (Node(name) is { } node && !accept(node))
            {
                throw new NotSupportedException($"{path}: {name} = {node.ToJsonString()} is not supported; supported: {supported}");
            }
        }

        private bool Flag(string name) => Node(name) switch
        {
            null => true,
            JsonValue v when v.TryGetValue<bool>(out var flag) => flag,
            _ => throw Wrong(name, "true or false"),
        };

        private int Side(string name, int most) => Node(name) is JsonValue v && v.TryGetValue<int>(out var side) && side > 0 && side <= most ? side : throw Wrong(name, $"a whole number from 1 to {most}");

        /// <summary>An area of <c>size</c>; the older field beside <c>size</c> overrides it.</summary>
        private long Edge(JsonObject size, string name, string older) => (Node(older) ?? size[name] ?? size[older]) is JsonValue v && v.TryGetValue<long>(out var pixels) && pixels is > 0 and <= int.MaxValue
            ? pixels
            : throw new InvalidDataException($"{path}: size.{name} should be an area in pixels, is {size[name]?.ToJsonString() ?? "missing"}");

        private double Factor(string name, double otherwise) => Node(name) switch
        {
            null => otherwise,
            JsonValue v when v.TryGetValue<double>(out var number) && double.IsFinite(number) && number > 0 => number,
            _ => throw Wrong(name, "a number above 0"),
        };

        private double[] Channels(string name, Func<double, bool> accept) =>
            Node(name) is JsonArray { Count: 3 } a && a.All(x => x is JsonValue v && v.TryGetValue<double>(out var number) && accept(number)) ? [.. a.Select(x => x!.GetValue<double>())] : throw Wrong(name, "three numbers");

        private double? Ignored(string name)
        {
            _read.Add(name);
            return null;
        }

        private double[]? Ignore(string name)
        {
            _read.Add(name);
            return null;
        }

        private JsonNode? Node(string name)
        {
            _read.Add(name);
            return json[name];
        }

        private InvalidDataException Wrong(string name, string kind) => new($"{path}: {name} should be {kind}, is {json[name]?.ToJsonString() ?? "missing"}");
    }
}
