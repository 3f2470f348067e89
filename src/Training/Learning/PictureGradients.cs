using Axpo.Training.Models.Vision;
using Axpo.Training.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Learning;

/// <summary>What a decoder's pictures receive on the way back, and then their tower: its part is autograd's. Nothing is kept where the tower is not trained.</summary>
internal sealed class PictureGradients(PictureRows pictures)
{
    private readonly List<(Tensor Features, Tensor Gradient)> _received = [];

    /// <summary>Takes the gradient behind a layer, to whose output features were added; it goes on unchanged.</summary>
    /// <param name="layer">The layer, from 0.</param>
    /// <param name="gradient">[n, hidden].</param>
    public void Behind(int layer, Tensor gradient)
    {
        if (layer < pictures.Features.Deepstack.Count)
        {
            Receive(pictures.Features.Deepstack[layer], gradient);
        }
    }

    /// <summary>Takes the gradient of what layer 0 took, and leaves that of the embeddings.</summary>
    /// <param name="gradient">[n, hidden]; rows that stand for pictures become 0.</param>
    public void Embedded(Tensor gradient)
    {
        Receive(pictures.Features.Tokens, gradient);
        using var nothing = zeros(pictures.Rows.size(0), gradient.size(1), dtype: gradient.dtype, device: gradient.device);
        gradient.index_copy_(0, pictures.Rows, nothing);
    }

    /// <summary>Adds to the gradients of the tower's weights. Once.</summary>
    public void Backward()
    {
        if (_received.Count == 0)
        {
            return;
        }

        using var recording = enable_grad();
        using var scope = NewDisposeScope();
        _received.Select(r => (r.Features * r.Gradient).sum()).Aggregate((a, b) => a.Plus(b)).backward();
    }

    private void Receive(Tensor features, Tensor gradient)
    {
        if (features.requires_grad)
        {
            _received.Add((features, gradient.index_select(0, pictures.Rows)));
        }
    }
}
