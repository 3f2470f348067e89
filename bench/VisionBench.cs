namespace Axpo.Bench;

/// <summary>What pictures cost: the tower, the way from a file to patches, rollouts that look at one, a training step.</summary>
internal static class VisionBench
{
    public static async Task<IReadOnlyList<Row>> RunAsync() =>
    [
        .. await VisionTowerBench.RunAsync(),
        .. await VisionCanvasBench.RunAsync(),
        .. await VisionEngineBench.RunAsync(),
        .. await VisionStepBench.RunAsync(),
    ];
}
