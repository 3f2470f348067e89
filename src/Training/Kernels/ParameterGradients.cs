using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Kernels;

/// <summary>Adds to the gradients of parameters what backward passes written by hand find.</summary>
internal static class ParameterGradients
{
    /// <summary>Adds outputGradient^T input to the gradient of a linear layer's weights.</summary>
    /// <param name="weight">[out, in].</param>
    /// <param name="outputGradient">[n, out].</param>
    /// <param name="input">[n, in].</param>
    public static void AddLinear(Tensor weight, Tensor outputGradient, Tensor input)
    {
        using var scope = NewDisposeScope();
        if (weight.grad is { } sum)
        {
            HostProduct.AddGather(sum, outputGradient, input);
        }
        else
        {
            weight.grad = HostProduct.Gather(outputGradient, input);
        }
    }

    /// <summary>The gradient of a parameter, to add to; 0 where there was none.</summary>
    public static Tensor Of(Tensor parameter)
    {
        if (parameter.grad is null)
        {
            using var zero = zeros_like(parameter);
            parameter.grad = zero;
        }

        return parameter.grad!;
    }

    /// <summary>The gradient of a parameter, to add to; of one that is not trained, memory that nobody reads, of the present dispose scope.</summary>
    public static Tensor OfOrScratch(Tensor parameter) => parameter.requires_grad ? Of(parameter) : empty_like(parameter);
}
