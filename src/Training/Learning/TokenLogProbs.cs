using Axpo.Training.Models;
using Axpo.Training.Native;
using static TorchSharp.torch;

namespace Axpo.Training.Learning;

/// <summary>Log-probs of chosen tokens of a packed batch; only the chosen positions go through the head.</summary>
public static class TokenLogProbs
{
    /// <summary>Log-probs under the distribution sampled from (logits / temperature).</summary>
    /// <param name="decoder">The policy.</param>
    /// <param name="hidden">Hidden states of the pack [tokens, hidden].</param>
    /// <param name="ids">Ids of the pack [tokens].</param>
    /// <param name="chosen">Positions in the pack of the tokens wanted [m]; each is predicted at the position before it.</param>
    /// <param name="temperature">Sampling temperature.</param>
    /// <param name="entropies">Receives the entropy in nats at each [m], in the caller's dispose scope and with gradient where the log-probs have one; null if not wanted.</param>
    /// <returns>[m].</returns>
    public static Tensor Of(Decoder decoder, Tensor hidden, Tensor ids, Tensor chosen, double temperature, Action<Tensor>? entropies = null)
    {
        using var scope = NewDisposeScope();
        var logits = decoder.Logits(hidden.index_select(0, chosen.Plus(-1L)));
        if (temperature != 1.0)
        {
            logits = logits.Over(temperature);
        }

        var all = logits.log_softmax(-1);
        entropies?.Invoke((-(all.exp() * all).sum(-1)).MoveToOuterDisposeScope());
        return all.gather(1, ids.index_select(0, chosen).unsqueeze(1)).squeeze(1).MoveToOuterDisposeScope();
    }
}
