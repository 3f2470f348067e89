namespace Axpo.Grains.Runs;

/// <summary>The run stops before it would train on ruins.</summary>
internal sealed class RunPausedException(string message) : Exception(message);
