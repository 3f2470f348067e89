using Axpo.Training.Models;

namespace Axpo.Training.Generation;

/// <summary>Who computes a step: shares to fill with work, which come back with tokens. Belongs to the engine's thread.</summary>
internal interface IStepTeam : IDisposable
{
    /// <summary>One share a worker; those behind the last needed one stay empty.</summary>
    IReadOnlyList<StepShare> Shares { get; }

    /// <summary>Does the filled shares; returns when all are done. Failures stand in the shares.</summary>
    /// <param name="decoder">The weights.</param>
    /// <param name="before">Runs on each worker before its share; tests make shares fail.</param>
    void Run(Decoder decoder, PictureFeatures? pictures, Action<StepShare>? before);
}
