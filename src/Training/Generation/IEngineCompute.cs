using static TorchSharp.torch;

namespace Axpo.Training.Generation;

/// <summary>Where an engine's weights and pages are, and who computes its steps.</summary>
internal interface IEngineCompute
{
    /// <summary>Where the weights belong.</summary>
    Device Device { get; }

    /// <summary>Workers of a team, and when another one helps.</summary>
    ThreadLayout Threads { get; }

    /// <summary>The pages; whoever runs the engine disposes them.</summary>
    KvPool Pool { get; }

    /// <summary>Which decoding sequences a step takes.</summary>
    DecodeWave Wave { get; }

    /// <summary>Makes a team; called on the engine's thread.</summary>
    IStepTeam NewTeam();
}
