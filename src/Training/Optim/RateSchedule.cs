using Axpo.Core;

namespace Axpo.Training.Optim;

/// <summary>A learning rate as a pure function of the optimizer step, so that a resumed run goes on exactly where it was.</summary>
/// <param name="Shape">What the rate does after warm-up.</param>
/// <param name="Peak">Peak rate.</param>
/// <param name="WarmUp">Steps of linear warm-up: step t of them has the share (t + 1) / WarmUp.</param>
/// <param name="Steps">Steps in all, warm-up included; from there on a falling rate stays at its end.</param>
/// <param name="FinalShare">Share of the peak at which a falling rate ends.</param>
public sealed record RateSchedule(RateShape Shape, double Peak, int WarmUp, long Steps, double FinalShare)
{
    /// <summary>Rate of a step.</summary>
    /// <param name="step">Optimizer step, from 0.</param>
    /// <exception cref="InvalidOperationException">The shape is unknown.</exception>
    public double At(int step)
    {
        if (step < WarmUp)
        {
            return Peak * (step + 1) / WarmUp;
        }

        var progress = Math.Min(1.0, (double)(step - WarmUp) / Math.Max(1, Steps - WarmUp));
        var left = Shape switch
        {
            RateShape.Constant => 1,
            RateShape.Cosine => .5 * (1 + Math.Cos(Math.PI * progress)),
            RateShape.Linear => 1 - progress,
            _ => throw new InvalidOperationException($"learner.schedule = {Shape}: unknown"),
        };
        return Peak * (FinalShare + ((1 - FinalShare) * left));
    }
}
