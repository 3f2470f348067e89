using Axpo.Training.Kernels;
using Axpo.Training.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Models;

/// <summary>A linear projection: y = x W^T + b.</summary>
/// <param name="Weight">W [out, in].</param>
/// <param name="Bias">b [out]; null: there is none.</param>
internal sealed record Projection(Tensor Weight, Tensor? Bias)
{
    /// <summary>Through autograd.</summary>
    /// <param name="x">[n, in].</param>
    /// <returns>[n, out].</returns>
    public Tensor Apply(Tensor x) => nn.functional.linear(x, Weight, Bias);

    /// <summary>Without autograd.</summary>
    /// <param name="x">[n, in].</param>
    /// <returns>[n, out].</returns>
    public Tensor Forward(Tensor x)
    {
        using var columns = Weight.t();
        return Bias is null ? x.mm(columns) : Bias.addmm(x, columns, 1, 1);
    }

    /// <summary>Without autograd, added to a residual stream.</summary>
    /// <param name="x">[n, in].</param>
    /// <param name="residual">[n, out].</param>
    /// <returns>[n, out], new.</returns>
    public Tensor AddTo(Tensor residual, Tensor x)
    {
        using var columns = Weight.t();
        var sum = residual.addmm(x, columns, 1, 1);
        if (Bias is not null)
        {
            sum.IncreaseBy(Bias);
        }

        return sum;
    }

    /// <summary>Adds to the gradients of W and b.</summary>
    /// <param name="gradient">Of the output [n, out].</param>
    /// <param name="x">Input of the forward pass [n, in].</param>
    public void Gather(Tensor gradient, Tensor x)
    {
        ParameterGradients.AddLinear(Weight, gradient, x);
        if (Bias is not null)
        {
            using var sum = gradient.sum(dim: 0);
            ParameterGradients.Of(Bias).IncreaseBy(sum);
        }
    }

    /// <summary>The gradient of the input.</summary>
    /// <param name="gradient">Of the output [n, out].</param>
    /// <returns>[n, in].</returns>
    public Tensor Back(Tensor gradient) => gradient.mm(Weight);

    /// <summary>Adds the gradient of the input to others'.</summary>
    /// <param name="gradient">Of the output [n, out].</param>
    /// <param name="sum">[n, in]; added to.</param>
    public void Back(Tensor gradient, Tensor sum) => sum.addmm_(gradient, Weight, 1, 1);
}
