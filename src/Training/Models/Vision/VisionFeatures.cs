using static TorchSharp.torch;

namespace Axpo.Training.Models.Vision;

/// <summary>What a decoder takes of pictures.</summary>
/// <param name="Tokens">[tokens, hidden of the decoder]: they stand in place of the image tokens' embeddings.</param>
/// <param name="Deepstack">Each [tokens, hidden of the decoder]: those of index i are added to the image tokens behind the decoder's layer i.</param>
public sealed record VisionFeatures(Tensor Tokens, IReadOnlyList<Tensor> Deepstack);
