using static TorchSharp.torch;

namespace Axpo.Training.Models.Lora;

/// <summary>The low-rank adapter of one projection (Hu et al. 2021): y = x W^T + scale (x A^T) B^T.</summary>
/// <param name="Module">The projection: <c>model.layers.0.self_attn.q_proj</c>.</param>
/// <param name="A">[rank, in].</param>
/// <param name="B">[out, rank].</param>
/// <param name="Scale">alpha / rank.</param>
internal sealed record LoraPair(string Module, Tensor A, Tensor B, double Scale);
