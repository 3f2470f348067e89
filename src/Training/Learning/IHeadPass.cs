using static TorchSharp.torch;

namespace Axpo.Training.Learning;

/// <summary>Log-probs of tokens from the hidden states that predict them, and the way back.</summary>
internal interface IHeadPass
{
    /// <summary>Log-probs [m] float32; a leaf where gradients are on.</summary>
    Tensor LogProbs { get; }

    /// <summary>Entropies [m] float32, nats; null where they are not wanted; a leaf where gradients are on and the loss may depend on them.</summary>
    Tensor? Entropies { get; }

    /// <summary>Takes the gradients of both down to the head's weights, which gather theirs, and to the hidden states. Once a pass.</summary>
    /// <returns>Gradient of the hidden states [m, hidden].</returns>
    Tensor Backward();
}
