using Shouldly;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Learning;

/// <summary>What <c>Learner.GradientsAsync</c> gives, freed together.</summary>
internal sealed class GradientSet((double Loss, Dictionary<string, Tensor> Of) result) : IDisposable
{
    public double Loss => result.Loss;

    public Dictionary<string, Tensor> Of => result.Of;

    /// <summary>Norm of the difference over the norm, of the worst tensor.</summary>
    public double FarthestFrom(GradientSet want) => want.Of.Max(p => (Of[p.Key] - p.Value).norm().ToDouble() / Math.Max(1e-12, p.Value.norm().ToDouble()));

    public void ShouldBeBitEqualTo(GradientSet want)
    {
        Loss.ShouldBe(want.Loss);
        foreach (var (name, gradient) in want.Of)
        {
            Of[name].bytes.SequenceEqual(gradient.bytes).ShouldBeTrue(name);
        }
    }

    public double CosineTo(GradientSet other)
    {
        var dot = Of.Sum(p => (p.Value * other.Of[p.Key]).sum().ToDouble());
        return dot / Math.Sqrt(Of.Values.Sum(Square) * other.Of.Values.Sum(Square));

        static double Square(Tensor t) => (t * t).sum().ToDouble();
    }

    public void Dispose()
    {
        foreach (var value in Of.Values)
        {
            value.Dispose();
        }
    }
}
