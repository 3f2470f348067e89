using Axpo.Training.Kernels;
using Axpo.Training.Models.Lora;
using Axpo.Training.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Models;

/// <summary>A linear projection, y = x W^T + b, with a low-rank adapter where one is attached. Gradients are gathered for what requires them only.</summary>
/// <param name="Weight">W [out, in].</param>
/// <param name="Bias">b [out]; null: there is none.</param>
internal sealed record Projection(Tensor Weight, Tensor? Bias) : IDisposable
{
    private PackedMatrix? _packed;

    /// <summary>The adapter; null: there is none.</summary>
    public LoraPair? Lora { get; set; }

    /// <summary>Whether its adapter is trained.</summary>
    public bool IsAdapted => Lora is { A.requires_grad: true };

    /// <summary>Through autograd.</summary>
    /// <param name="x">[n, in].</param>
    /// <returns>[n, out].</returns>
    public Tensor Apply(Tensor x)
    {
        var plain = nn.functional.linear(x, Weight, Bias);
        return Lora is null ? plain : plain.Plus(nn.functional.linear(nn.functional.linear(x, Lora.A), Lora.B).Times(Lora.Scale));
    }

    /// <summary>From now on it is there for <see cref="Forward"/> and <see cref="AddTo"/> only, faster: W is packed, and freed.</summary>
    public void Pack()
    {
        _packed = new PackedMatrix(Weight);
        Weight.Dispose();
    }

    /// <summary>Frees what <see cref="Pack"/> made.</summary>
    public void Dispose() => _packed?.Dispose();

    /// <summary>Without autograd.</summary>
    /// <param name="x">[n, in].</param>
    /// <returns>[n, out].</returns>
    public Tensor Forward(Tensor x)
    {
        var output = _packed?.Multiply(x, Bias) ?? HostProduct.Forward(x, Weight, Bias);
        AddLora(output, x);
        return output;
    }

    /// <summary>Without autograd, added to a residual stream.</summary>
    /// <param name="x">[n, in].</param>
    /// <param name="residual">[n, out].</param>
    /// <returns>[n, out], new.</returns>
    public Tensor AddTo(Tensor residual, Tensor x)
    {
        var sum = _packed?.Multiply(x, residual) ?? HostProduct.Forward(x, Weight, residual);
        if (Bias is not null)
        {
            sum.IncreaseBy(Bias);
        }

        AddLora(sum, x);
        return sum;
    }

    /// <summary>Adds to the gradients of W, b, A and B.</summary>
    /// <param name="gradient">Of the output [n, out].</param>
    /// <param name="x">Input of the forward pass [n, in].</param>
    public void Gather(Tensor gradient, Tensor x)
    {
        if (Weight.requires_grad)
        {
            ParameterGradients.AddLinear(Weight, gradient, x);
        }

        if (Bias is { requires_grad: true })
        {
            using var sum = gradient.sum(dim: 0);
            ParameterGradients.Of(Bias).IncreaseBy(sum);
        }

        if (IsAdapted && Lora is { } lora)
        {
            using var low = Down(x, lora);
            ParameterGradients.AddLinear(lora.B, gradient, low);
            using var back = Up(gradient, lora);
            ParameterGradients.AddLinear(lora.A, back, x);
        }
    }

    /// <summary>The gradient of the input.</summary>
    /// <param name="gradient">Of the output [n, out].</param>
    /// <returns>[n, in].</returns>
    public Tensor Back(Tensor gradient)
    {
        var input = HostProduct.Back(gradient, Weight);
        AddLoraBack(input, gradient);
        return input;
    }

    /// <summary>Adds the gradient of the input to others'.</summary>
    /// <param name="gradient">Of the output [n, out].</param>
    /// <param name="sum">[n, in]; added to.</param>
    public void Back(Tensor gradient, Tensor sum)
    {
        HostProduct.AddBack(sum, gradient, Weight);
        AddLoraBack(sum, gradient);
    }

    /// <summary>scale x A^T [n, rank].</summary>
    private static Tensor Down(Tensor x, LoraPair lora)
    {
        var low = HostProduct.Forward(x, lora.A);
        low.MultiplyBy(lora.Scale);
        return low;
    }

    /// <summary>scale dy B [n, rank].</summary>
    private static Tensor Up(Tensor gradient, LoraPair lora)
    {
        var back = HostProduct.Back(gradient, lora.B);
        back.MultiplyBy(lora.Scale);
        return back;
    }

    private void AddLora(Tensor output, Tensor x)
    {
        if (Lora is { } lora)
        {
            using var low = Down(x, lora);
            HostProduct.AddForward(output, low, lora.B);
        }
    }

    private void AddLoraBack(Tensor input, Tensor gradient)
    {
        if (Lora is { } lora)
        {
            using var back = Up(gradient, lora);
            HostProduct.AddBack(input, back, lora.A);
        }
    }
}
