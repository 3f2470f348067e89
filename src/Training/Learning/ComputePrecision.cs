using Axpo.Core;
using Axpo.Training.Native;
using static TorchSharp.torch;

namespace Axpo.Training.Learning;

/// <summary>The precision that a learner computes in.</summary>
internal static class ComputePrecision
{
    /// <summary>What is wanted, as a type; <see cref="LearnerPrecision.Auto"/> asks the machine.</summary>
    /// <param name="wanted">What is wanted.</param>
    /// <param name="probe">Multiplies matrices; called for <see cref="LearnerPrecision.Auto"/> only.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public static async Task<ScalarType> ChooseAsync(LearnerPrecision wanted, Func<CancellationToken, Task<GemmReport>> probe, CancellationToken cancellationToken) => wanted switch
    {
        LearnerPrecision.Float32 => ScalarType.Float32,
        LearnerPrecision.Bfloat16 => ScalarType.BFloat16,
        LearnerPrecision.Auto => (await probe(cancellationToken)).BFloat16Pays ? ScalarType.BFloat16 : ScalarType.Float32,
        _ => throw new ArgumentOutOfRangeException(nameof(wanted), wanted, "unknown precision"),
    };
}
