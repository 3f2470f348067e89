using Axpo.Bench;
using Axpo.Core;
using Axpo.Training.Devices;
using Axpo.Training.Generation;
using Axpo.Training.Models;
using Microsoft.Extensions.Logging.Abstractions;

namespace Axpo.Device;

/// <summary>Models of the engine's parts, engines, and requests.</summary>
internal static class EngineRuns
{
    /// <summary>A vocabulary of Qwen3's size and kv heads shared by four query heads, over little else.</summary>
    private static readonly DecoderConfig Wide = new()
    {
        VocabSize = 151_936,
        HiddenSize = 256,
        Layers = 4,
        Heads = 8,
        KvHeads = 2,
        HeadDim = 64,
        IntermediateSize = 704,
        MaxPositions = 2048,
    };

    /// <summary>What is checked and measured.</summary>
    public static IReadOnlyList<(string Name, DecoderConfig Shape)> Models(Settings settings) =>
        settings.Small ? [("axpo-tiny", Shapes.Tiny)] : [("axpo-tiny", Shapes.Tiny), ("27 M", Shapes.Middle), ("vocabulary of 151,936", Wide)];

    /// <summary>An engine of the device, or of the processor.</summary>
    public static Task<PolicyEngine> StartAsync(Settings settings, string folder, bool onDevice) => PolicyEngine.StartAsync(
        folder,
        new EngineOptions { MaxBatch = 256, KvMebibytes = settings.Small ? 256 : 2048 },
        onDevice ? settings.Target : ComputeDevice.Cpu,
        onDevice && settings.OnTensors,
        TimeProvider.System,
        NullLogger.Instance,
        layouts: null,
        images: null,
        CancellationToken.None);

    /// <summary>A request for a session's first turn.</summary>
    public static GenerateRequest Request(string session, int vocabulary, int prompt, int max, int index, SamplingOptions sampling, string? group = null)
    {
        var stream = ChanceKey.Root((ulong)(group is null ? index : 0)).With("prompt").Stream();
        return new GenerateRequest
        {
            Session = session,
            Offset = 0,
            Tokens = [.. Enumerable.Range(0, prompt).Select(_ => stream.Next(vocabulary))],
            Group = group,
            Sampling = sampling,
            Chance = ChanceKey.Root(7).With((ulong)index),
            MaxNewTokens = max,
            StopTokens = [],
        };
    }
}
