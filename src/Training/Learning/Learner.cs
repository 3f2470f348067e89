using System.Security.Cryptography;
using System.Text.Json;
using Axpo.Core;
using Axpo.Training.Devices;
using Axpo.Training.Files;
using Axpo.Training.Models;
using Axpo.Training.Native;
using Axpo.Training.Objectives;
using Axpo.Training.Optim;
using Axpo.Training.Safetensors;
using Axpo.Training.Threads;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Learning;

/// <summary>
/// Updates a policy on a thread of its own. A batch is one epoch: log-probs of the generating weights and of the frozen reference are computed first, and from them, once for the batch, what corrects or
/// rejects where engine and learner disagree; then one optimizer step a minibatch. Minibatches are cut by question, and each divides by what it holds itself: its questions, rows or tokens. Micro-batches are cut by tokens and only add up. A batch that fails leaves weights and optimizer as they were.
/// </summary>
public sealed class Learner : ILearner, IDisposable
{
    private const string OptimizerFile = "optimizer.safetensors";
    private const string StateFile = "learner.json";

    private readonly DeviceThread _thread;
    private readonly RunConfiguration _configuration;
    private readonly string _modelFolder;
    private readonly IPolicyLoss _loss;
    private readonly Device _device;
    private Decoder _policy;
    private Decoder _reference;
    private FusedAdamW _optimizer;

    private Learner(DeviceThread thread, string modelFolder, RunConfiguration configuration)
    {
        (_thread, _modelFolder, _configuration, _loss) = (thread, modelFolder, configuration, PolicyLosses.Get(configuration.Objective.Loss));
        _device = ComputeDevice.Resolve(configuration.Learner.Device, "learner.device");
        _policy = Decoder.Load(modelFolder, _device);
        _reference = _policy.Clone();
        _optimizer = MakeOptimizer(_policy);
    }

    /// <inheritdoc/>
    public int Step { get; private set; }

    /// <summary>Loads a model folder as step 0; the same weights are the reference policy.</summary>
    /// <param name="modelFolder">A Hugging Face folder.</param>
    /// <param name="configuration">Objective, optimizer and cuts, and the temperature at which rollouts were sampled: log-probs are those of the distribution sampled from.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="ArgumentException">There is no policy loss of the configuration's name.</exception>
    /// <exception cref="NotSupportedException">The configuration's device is not there.</exception>
    public static async Task<Learner> StartAsync(string modelFolder, RunConfiguration configuration, CancellationToken cancellationToken)
    {
        var thread = new DeviceThread("axpo-learner", configuration.Learner.Threads);
        try
        {
            return await thread.RunAsync(() => new Learner(thread, modelFolder, configuration), cancellationToken);
        }
        catch
        {
            thread.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public Task<UpdateResult> UpdateAsync(UpdateBatch batch, CancellationToken cancellationToken) =>
        _thread.RunAsync(() => Update(batch, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task<BlobRef> SaveAsync(string folder, CancellationToken cancellationToken) => _thread.RunAsync(() => Save(folder), cancellationToken);

    /// <inheritdoc/>
    public Task LoadAsync(string folder, CancellationToken cancellationToken) => _thread.RunAsync(() => Load(folder), cancellationToken);

    /// <summary>Loss and gradients of a batch as one minibatch, without a step; for tests of cuts and masks.</summary>
    /// <param name="batch">The batch; the present weights count as those that generated it.</param>
    /// <param name="at">A model folder with the weights at which the gradients are taken; null: the present ones.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>The loss, and the gradient of every parameter by name (the caller's to dispose).</returns>
    public Task<(double Loss, Dictionary<string, Tensor> Gradients)> GradientsAsync(UpdateBatch batch, string? at, CancellationToken cancellationToken) => _thread.RunAsync(
        () =>
        {
            using var scope = NewDisposeScope();
            _optimizer.ZeroGradients();
            var tally = new Tally();
            var items = Prepare(batch, tally);
            using var present = _policy.Clone();
            using var moved = at is null ? null : Decoder.Load(at, _device);
            _policy.CopyFrom(moved ?? present);
            try
            {
                Weigh(items, batch.Questions, batch.Questions);
                Accumulate(items, 1, tally, cancellationToken);
                var gradients = _policy.Parameters.ToDictionary(p => p.Name, p => (p.Value.grad ?? zeros_like(p.Value)).clone().DetachFromDisposeScope(), StringComparer.Ordinal);
                return (tally.Loss, gradients);
            }
            finally
            {
                _optimizer.ZeroGradients();
                _policy.CopyFrom(present);
            }
        },
        cancellationToken);

    /// <summary>Ends the thread and frees the weights.</summary>
    public void Dispose()
    {
        _thread.Dispose();
        _optimizer.Dispose();
        _policy.Dispose();
        _reference.Dispose();
    }

    private ObjectiveOptions Objective => _configuration.Objective;

    private bool Corrects => Objective.Correction.Level != CorrectionLevel.None || Objective.Rejection.Statistic != RejectionStatistic.None;

    private LearnerOptions Options => _configuration.Learner;

    private double Temperature => _configuration.Rollouts.Temperature;

    private FusedAdamW MakeOptimizer(Decoder policy) => new(
        policy.Parameters,
        new AdamWOptions { Beta1 = Options.Beta1, Beta2 = Options.Beta2, Epsilon = Options.AdamEpsilon, WeightDecay = Options.WeightDecay });

    private UpdateResult Update(UpdateBatch batch, CancellationToken cancellationToken)
    {
        using var scope = NewDisposeScope();
        var tally = new Tally();
        var items = Prepare(batch, tally);
        using var before = new Undo(_policy, _optimizer);
        var norms = new List<double>();
        try
        {
            foreach (var questions in Minibatches(batch.Questions))
            {
                _optimizer.ZeroGradients();
                var own = items.Where(i => questions.Contains(i.Sequence.Question)).ToList();
                Weigh(own, batch.Questions, questions.Count);
                Accumulate(own, questions.Count / (double)batch.Questions, tally, cancellationToken);
                var norm = _optimizer.ClipGlobalNorm(Options.GradientClip);
                if (!double.IsFinite(norm) || !double.IsFinite(tally.Loss))
                {
                    throw new InvalidOperationException($"batch '{batch.Id}': loss {tally.Loss}, gradient norm {norm}; weights are left as they were. Lower learner.learningRate, or look at the batch's trajectories");
                }

                norms.Add(norm);
                if (own.Count > 0)
                {
                    _optimizer.Step(Options.LearningRate);
                }
            }
        }
        catch
        {
            before.Restore();
            throw;
        }
        finally
        {
            _optimizer.ZeroGradients();
        }

        Step = batch.Step;
        return tally.Result(batch.Step, norms.DefaultIfEmpty(0).Average(), items.Sum(i => i.Sequence.Tokens.Length));
    }

    private IEnumerable<HashSet<int>> Minibatches(int questions)
    {
        var count = Math.Min(Options.Minibatches, questions);
        for (var m = 0; m < count; m++)
        {
            var from = questions * m / count;
            yield return [.. Enumerable.Range(from, (questions * (m + 1) / count) - from)];
        }
    }

    /// <summary>
    /// Log-probs of the generating weights and of the reference for every loss token, and how engine and learner agree on them. Sequences without loss tokens, or with none left, are left out.
    /// </summary>
    private List<Item> Prepare(UpdateBatch batch, Tally tally)
    {
        var items = batch.Sequences.Select(s => new Item(s)).Where(i => i.Chosen.Length > 0).ToList();
        using var guard = no_grad();
        foreach (var micro in Cut(items))
        {
            using var scope = NewDisposeScope();
            var pack = Pack(micro, out var chosen);
            Tensor? entropies = null;
            var old = TokenLogProbs.Of(_policy, pack.Forward(_policy), pack.Ids, chosen, Temperature, e => entropies = e);
            var reference = Objective.KlWeight == 0 ? null : TokenLogProbs.Of(_reference, pack.Forward(_reference), pack.Ids, chosen, Temperature);
            var oldValues = old.Floats();
            var referenceValues = reference?.Floats();
            var entropyValues = entropies!.Floats();
            var at = 0;
            foreach (var item in micro)
            {
                item.Generated(oldValues[at..(at + item.Chosen.Length)]);
                item.Reference = referenceValues?[at..(at + item.Chosen.Length)];
                tally.Behaviour(item, entropyValues.AsSpan(at, item.Chosen.Length));
                at += item.Chosen.Length;
            }
        }

        return Correct(items, tally);
    }

    private List<Item> Correct(List<Item> items, Tally tally)
    {
        double[][] ratios = [.. items.Select(i => i.LogRatios)];
        var correction = EngineCorrection.Of(ratios, Objective.Correction);
        var kept = Rejection.Kept(ratios, Objective.Rejection);
        tally.Corrected(correction, kept);
        for (var i = 0; i < items.Count; i++)
        {
            items[i].Correct(correction.Weights[i], kept[i], Objective.Rejection.LeavesDenominators);
        }

        return [.. items.Where(i => i.Chosen.Length > 0)];
    }

    private void Accumulate(IReadOnlyList<Item> items, double share, Tally tally, CancellationToken cancellationToken)
    {
        foreach (var micro in Cut(items))
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var pack = Pack(micro, out var chosen);
            Tensor? entropies = null;
            var current = TokenLogProbs.Of(_policy, pack.Forward(_policy), pack.Ids, chosen, Temperature, Objective.EntropyWeight == 0 ? null : e => entropies = e);
            var rows = _device.Upload(micro.SelectMany((item, i) => Enumerable.Repeat((long)i, item.Chosen.Length)).ToArray());
            var tokens = new LossTokens(current, Flat(micro, i => i.Old), Flat(micro, i => i.Advantages), rows, micro.Count);
            var inputs = new ObjectiveInputs(tokens, Flat(micro, i => Enumerable.Repeat((float)i.Weight, i.Chosen.Length)))
            {
                Reference = Objective.KlWeight == 0 ? null : Flat(micro, i => i.Reference!),
                Correction = Corrects ? Flat(micro, i => i.Correction) : null,
                Behaviour = Objective.OffPolicyMask ? Flat(micro, i => i.Behaviour) : null,
                Entropies = entropies,
            };
            var terms = PolicyObjective.Compute(_loss, inputs, Objective);
            terms.Loss.backward();
            tally.Trained(terms, tokens.Advantages, share);
        }
    }

    /// <summary>Fixes the weights of a minibatch's tokens, before it is cut.</summary>
    private void Weigh(IReadOnlyList<Item> items, int batch, int questions)
    {
        var weights = LossWeights.Of([.. items.Select(i => i.Chosen.Length)], [.. items.Select(i => i.Sequence.Weight * batch / questions)], LossDivisors.Of(_configuration, questions));
        for (var i = 0; i < items.Count; i++)
        {
            items[i].Weight = weights[i];
        }
    }

    private PackedBatch Pack(IReadOnlyList<Item> micro, out Tensor chosen)
    {
        var pack = new PackedBatch([.. micro.Select(i => i.Sequence.Tokens)], _device);
        chosen = _device.Upload(micro.SelectMany((item, i) => item.Chosen.Select(t => (long)pack.StartOf(i) + t)).ToArray());
        return pack;
    }

    private Tensor Flat(IReadOnlyList<Item> micro, Func<Item, IEnumerable<float>> values) =>
        _device.Upload(micro.SelectMany(values).ToArray());

    private IEnumerable<List<Item>> Cut(IEnumerable<Item> items)
    {
        var micro = new List<Item>();
        var tokens = 0;
        foreach (var item in items.OrderByDescending(i => i.Sequence.Tokens.Length))
        {
            if (micro.Count > 0 && tokens + item.Sequence.Tokens.Length > Options.MicroBatchTokens)
            {
                yield return micro;
                (micro, tokens) = ([], 0);
            }

            micro.Add(item);
            tokens += item.Sequence.Tokens.Length;
        }

        if (micro.Count > 0)
        {
            yield return micro;
        }
    }

    private BlobRef Save(string folder)
    {
        var target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        if (Directory.Exists(target))
        {
            throw new IOException($"'{folder}' exists; a checkpoint is never overwritten");
        }

        var aside = $"{target}.{Guid.NewGuid():N}.part";
        string hash;
        Directory.CreateDirectory(aside);
        try
        {
            _policy.SaveInto(aside);
            foreach (var file in Directory.EnumerateFiles(_modelFolder).Where(f => Path.GetFileName(f).StartsWith("tokenizer", StringComparison.Ordinal) || Path.GetExtension(f) == ".jinja"))
            {
                File.Copy(file, Path.Combine(aside, Path.GetFileName(file)));
            }

            using (var scope = NewDisposeScope())
            {
                SafetensorsFile.Write(Path.Combine(aside, OptimizerFile), _optimizer.State());
            }

            File.WriteAllText(Path.Combine(aside, StateFile), JsonSerializer.Serialize(new LearnerState(Step)));
            hash = HashOf(Path.Combine(aside, ModelWeights.FileName));
            DiskFlush.Tree(aside);
            FaultPoints.Reach(FaultPoints.BeforeCheckpointRenamed);
            Directory.Move(aside, target);
        }
        catch
        {
            Directory.Delete(aside, recursive: true);
            throw;
        }

        DiskFlush.Entries(Path.GetDirectoryName(target)!);
        FaultPoints.Reach(FaultPoints.AfterCheckpointRenamed);
        return new BlobRef(target, hash);
    }

    private bool Load(string folder)
    {
        var loaded = Decoder.Load(folder, _device);
        var optimizer = MakeOptimizer(loaded);
        var step = 0;
        try
        {
            var state = Path.Combine(folder, StateFile);
            if (File.Exists(state))
            {
                step = JsonSerializer.Deserialize<LearnerState>(File.ReadAllText(state))?.Step ?? throw new InvalidDataException($"{state} is empty");
                using var scope = NewDisposeScope();
                optimizer.LoadState(SafetensorsFile.Read(Path.Combine(folder, OptimizerFile)));
            }
        }
        catch
        {
            optimizer.Dispose();
            loaded.Dispose();
            throw;
        }

        _optimizer.Dispose();
        _policy.Dispose();
        (_policy, _optimizer, Step) = (loaded, optimizer, step);
        return true;
    }

    private static string HashOf(string path)
    {
        using var stream = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    private sealed record LearnerState(int Step);

    /// <summary>A sequence with its loss tokens picked out.</summary>
    private sealed class Item
    {
        public Item(TrainSequence sequence)
        {
            Sequence = sequence;
            Chosen = [.. Enumerable.Range(0, sequence.Tokens.Length).Where(t => sequence.IsLoss[t])];
            if (Chosen.Length > 0 && Chosen[0] == 0)
            {
                throw new ArgumentException($"sequence {sequence.Id}: its first token carries loss, but nothing predicts it", nameof(sequence));
            }

            Advantages = [.. Chosen.Select(t => (float)sequence.Advantages[t])];
        }

        public TrainSequence Sequence { get; }

        /// <summary>Places of the loss tokens; every other array goes along with it.</summary>
        public int[] Chosen { get; private set; }

        /// <summary>Weight of each loss token in the loss of its minibatch.</summary>
        public double Weight { get; set; }

        public float[] Advantages { get; private set; }

        public float[] Old { get; private set; } = [];

        /// <summary>Log-probs as the engine sampled; those of the learner where there are none.</summary>
        public float[] Behaviour { get; private set; } = [];

        public double[] LogRatios { get; private set; } = [];

        public float[]? Reference { get; set; }

        /// <summary>Weight of each token's policy loss against what engine and learner disagree on.</summary>
        public float[] Correction { get; private set; } = [];

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
                (LogRatios, Reference) = (Keep(LogRatios), Reference is null ? null : Keep(Reference));
            }

            T[] Keep<T>(T[] values) => [.. values.Where((_, i) => kept[i])];
        }
    }

    /// <summary>What a failed batch is undone to.</summary>
    private sealed class Undo : IDisposable
    {
        private readonly Decoder _policy;
        private readonly FusedAdamW _optimizer;
        private readonly Decoder _weights;
        private readonly Dictionary<string, Tensor> _state;

        public Undo(Decoder policy, FusedAdamW optimizer)
        {
            (_policy, _optimizer) = (policy, optimizer);
            _weights = policy.Clone();
            _state = optimizer.State().ToDictionary(s => s.Name, s => s.Value.clone().DetachFromDisposeScope(), StringComparer.Ordinal);
        }

        public void Restore()
        {
            _policy.CopyFrom(_weights);
            _optimizer.LoadState(_state);
        }

        public void Dispose()
        {
            _weights.Dispose();
            foreach (var value in _state.Values)
            {
                value.Dispose();
            }
        }
    }

    /// <summary>Sums over a batch.</summary>
    private sealed class Tally
    {
        private readonly double[] _sums = new double[6];
        private double _policy;
        private double _entropy;
        private double _mismatch;
        private double _outside;
        private double _worst;
        private long _behaviourTokens;
        private long _trained;
        private CorrectionWeights? _correction;
        private double _rejectedTokens;
        private double _rejectedSequences;

        public double Loss { get; private set; }

        public void Behaviour(Item item, ReadOnlySpan<float> entropies)
        {
            for (var i = 0; i < item.Chosen.Length; i++)
            {
                _entropy += entropies[i];
                var x = item.LogRatios[i];
                var ratio = Math.Exp(x);
                _mismatch += ratio - x - 1;
                _outside += ratio is < .9 or > 1.1 ? 1 : 0;
                _worst = Math.Max(_worst, Math.Abs(ratio - 1));
            }

            _behaviourTokens += item.Chosen.Length;
        }

        public void Corrected(CorrectionWeights correction, bool[][] kept)
        {
            _correction = correction;
            _rejectedTokens = kept.Sum(k => k.Count(x => !x)) / Math.Max(1.0, kept.Sum(k => k.Length));
            _rejectedSequences = kept.Count(k => k.Contains(false)) / Math.Max(1.0, kept.Length);
        }

        public void Trained(ObjectiveTerms terms, Tensor advantages, double share)
        {
            using var guard = no_grad();
            var punished = advantages.IsBelow(0);
            var sums = stack([
                terms.Loss, terms.Policy, terms.TokenKl.sum(), Count(terms.Clipped.logical_and(punished)), Count(terms.Clipped.logical_and(punished.logical_not())), Count(terms.DualClipped),
                terms.OffPolicy is null ? zeros_like(terms.Loss) : Count(terms.OffPolicy), advantages.abs().sum()]).to(ScalarType.Float64).cpu().data<double>().ToArray();
            Loss += sums[0] * share;
            _policy += sums[1] * share;
            for (var i = 0; i < _sums.Length; i++)
            {
                _sums[i] += sums[i + 2];
            }

            _trained += advantages.numel();

            Tensor Count(Tensor which) => which.sum().to(terms.Loss.dtype);
        }

        public UpdateResult Result(int step, double gradientNorm, int tokens)
        {
            double[] means = [.. _sums.Select(s => s / Math.Max(1, _trained))];
            return new()
            {
                Step = step,
                Loss = Loss,
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
                MismatchK3 = _mismatch / Math.Max(1, _behaviourTokens),
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
    }
}
