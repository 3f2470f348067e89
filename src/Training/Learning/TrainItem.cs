using Axpo.Core;
using Axpo.Training.Objectives;
using Axpo.Training.Pictures;

namespace Axpo.Training.Learning;

/// <summary>A sequence with its loss tokens picked out.</summary>
internal sealed class TrainItem
{
    public TrainItem(TrainSequence sequence, PictureKeys keys)
    {
        Sequence = sequence;
        Keys = keys.Of(sequence.Tokens, sequence.Images);
        Chosen = [.. Enumerable.Range(0, sequence.Tokens.Length).Where(t => sequence.IsLoss[t])];
        if (Chosen.Length > 0 && Chosen[0] == 0)
        {
            throw new ArgumentException($"sequence {sequence.Id}: its first token carries loss, but nothing predicts it", nameof(sequence));
        }

        Advantages = [.. Chosen.Select(t => (float)sequence.Advantages[t])];
    }

    public TrainSequence Sequence { get; }

    /// <summary>Its tokens; those that stand for an image say for which.</summary>
    public int[] Keys { get; }

    /// <summary>Places of the loss tokens; every other array goes along with it.</summary>
    public int[] Chosen { get; private set; }

    /// <summary>Weight of each loss token in the loss of its minibatch.</summary>
    public double Weight { get; set; }

    public float[] Advantages { get; private set; }

    /// <summary>Log-probs under the weights that generated; empty until <see cref="Generated"/>.</summary>
    public float[] Old { get; private set; } = [];

    /// <summary>Whether log-probs under the weights that generated are known.</summary>
    public bool IsGenerated => Old.Length > 0 || Chosen.Length == 0;

    /// <summary>Log-probs as the engine sampled; those of the learner where there are none.</summary>
    public float[] Behaviour { get; private set; } = [];

    /// <summary>log pi_learner - log pi_engine of the weights that generated; 0 where the engine's is not known.</summary>
    public double[] LogRatios { get; private set; } = [];

    /// <summary>Weight of each token's policy loss against what engine and learner disagree on.</summary>
    public float[] Correction { get; private set; } = [];

    /// <summary>Takes the log-probs under the weights that generated, and from them how the engine's differ.</summary>
    public void Generated(float[] old)
    {
        float[] engine = [.. Chosen.Select(t => Sequence.BehaviorLogProbs[t])];
        Old = old;
        LogRatios = EngineCorrection.LogRatios(old, engine);
        Behaviour = [.. engine.Select((b, i) => float.IsNaN(b) ? old[i] : b)];
    }

    /// <summary>Weighs the tokens; what is rejected carries no loss any more, or no policy loss.</summary>
    public void Correct(double[] weights, bool[] kept, bool leaves)
    {
        Correction = [.. weights.Select((w, i) => kept[i] ? (float)w : 0)];
        if (leaves && kept.Contains(false))
        {
            (Chosen, Advantages, Old, Behaviour, Correction) = (Keep(Chosen), Keep(Advantages), Keep(Old), Keep(Behaviour), Keep(Correction));
            LogRatios = Keep(LogRatios);
        }

        T[] Keep<T>(T[] values) => [.. values.Where((_, i) => kept[i])];
    }
}
