using Axpo.Core;
using Axpo.Training.Devices;
using Axpo.Training.Native;
using Axpo.Training.Objectives;
using static TorchSharp.torch;

namespace Axpo.Training.Learning;

/// <summary>Sums over a batch, from which its <see cref="UpdateResult"/> is made.</summary>
internal sealed class UpdateTally
{
    private readonly double[] _sums = new double[6];
    private readonly List<(Tensor Sums, double Share)> _unread = [];
    private double _loss;
    private double _policy;
    private double _entropy;
    private double _k3;
    private double _distance;
    private double _outside;
    private double _worst;
    private long _behaviourTokens;
    private long _trained;
    private CorrectionWeights? _correction;
    private double _rejectedTokens;
    private double _rejectedSequences;

    /// <summary>Loss so far; waits for the device.</summary>
    public double Loss
    {
        get
        {
            Read();
            return _loss;
        }
    }

    /// <summary>Adds how engine and learner agree on a sequence whose log-probs under the generating weights are known.</summary>
    public void Behaviour(TrainItem item, ReadOnlySpan<float> entropies)
    {
        for (var i = 0; i < item.Chosen.Length; i++)
        {
            _entropy += entropies[i];
            var x = item.LogRatios[i];
            var ratio = Math.Exp(x);
            _k3 += ratio - x - 1;
            _distance += Math.Abs(ratio - 1);
            _outside += ratio is < .9 or > 1.1 ? 1 : 0;
            _worst = Math.Max(_worst, Math.Abs(ratio - 1));
        }

        _behaviourTokens += item.Chosen.Length;
    }

    /// <summary>Takes what correction and rejection made of the batch.</summary>
    public void Corrected(CorrectionWeights correction, bool[][] kept)
    {
        _correction = correction;
        _rejectedTokens = kept.Sum(k => k.Count(x => !x)) / Math.Max(1.0, kept.Sum(k => k.Length));
        _rejectedSequences = kept.Count(k => k.Contains(false)) / Math.Max(1.0, kept.Length);
    }

    /// <summary>What a micro-batch adds; it stays on the device, in no dispose scope, until <see cref="Trained"/> has taken it and it is asked for.</summary>
    public static Tensor Sums(ObjectiveTerms terms, Tensor advantages)
    {
        using var guard = no_grad();
        var punished = advantages.IsBelow(0);
        return stack([
            terms.Loss, terms.Policy, terms.TokenKl.sum(), Count(terms.Clipped.logical_and(punished)), Count(terms.Clipped.logical_and(punished.logical_not())), Count(terms.DualClipped),
            terms.OffPolicy is null ? zeros_like(terms.Loss) : Count(terms.OffPolicy), advantages.abs().sum()]).DetachFromDisposeScope();

        Tensor Count(Tensor which) => which.sum().to(terms.Loss.dtype);
    }

    /// <summary>Adds the <see cref="Sums"/> of a micro-batch.</summary>
    /// <param name="sums">Sums.</param>
    /// <param name="tokens">Its loss tokens.</param>
    /// <param name="share">Share of its minibatch in the batch.</param>
    public void Trained(Tensor sums, int tokens, double share)
    {
        _unread.Add((sums, share));
        _trained += tokens;
    }

    /// <summary>The figures of the batch.</summary>
    public UpdateResult Result(int step, double gradientNorm, double learningRate, int tokens)
    {
        Read();
        double[] means = [.. _sums.Select(s => s / Math.Max(1, _trained))];
        return new()
        {
            Step = step,
            Loss = _loss,
            PolicyLoss = _policy,
            Kl = means[0],
            ClipFraction = means[1] + means[2],
            ClipFractionLow = means[1],
            ClipFractionHigh = means[2],
            DualClipFraction = means[3],
            OffPolicyShare = means[4],
            AdvantageMagnitude = means[5],
            Entropy = _entropy / Math.Max(1, _behaviourTokens),
            GradientNorm = gradientNorm,
            LearningRate = learningRate,
            MismatchMean = _distance / Math.Max(1, _behaviourTokens),
            MismatchK3 = _k3 / Math.Max(1, _behaviourTokens),
            MismatchOutside = _outside / Math.Max(1, _behaviourTokens),
            MismatchMax = _worst,
            CorrectionMean = _correction?.Mean ?? 1,
            CorrectionMax = _correction?.Max ?? 1,
            CorrectionOutside = _correction?.Outside ?? 0,
            RejectedTokens = _rejectedTokens,
            RejectedSequences = _rejectedSequences,
            LossTokens = (int)_trained,
            TrainedTokens = tokens,
        };
    }

    private void Read()
    {
        if (_unread.Count == 0)
        {
            return;
        }

        using var together = stack([.. _unread.Select(u => u.Sums)]);
        var values = together.Doubles();
        for (var micro = 0; micro < _unread.Count; micro++)
        {
            var sums = values.AsSpan(micro * (_sums.Length + 2), _sums.Length + 2);
            _loss += sums[0] * _unread[micro].Share;
            _policy += sums[1] * _unread[micro].Share;
            for (var i = 0; i < _sums.Length; i++)
            {
                _sums[i] += sums[i + 2];
            }

            _unread[micro].Sums.Dispose();
        }

        _unread.Clear();
    }
}
