using Axpo.Core;
using Axpo.Training.Learning;
using Axpo.Training.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Learning;

/// <summary>Log-probs computed plainly: each sequence alone, the whole softmax.</summary>
internal static class LogProbs
{
    /// <returns>[sequences][tokens]; 0 for the first token.</returns>
    public static Task<float[][]> OfAsync(TinyModel model, UpdateBatch batch) => Task.Run(() =>
    {
        using var decoder = Decoder.Load(model.Folder);
        using var guard = no_grad();
        return batch.Sequences.Select(s => Of(decoder, s.Tokens)).ToArray();
    });

    public static float[] Of(Decoder decoder, int[] tokens)
    {
        using var scope = NewDisposeScope();
        var pack = new PackedBatch([tokens], CPU);
        var all = decoder.Logits(pack.Forward(decoder)).log_softmax(-1).narrow(0, 0, tokens.Length - 1);
        return [0, .. all.gather(1, pack.Ids.narrow(0, 1, tokens.Length - 1).unsqueeze(1)).data<float>().ToArray()];
    }
}
