using Axpo.Core;
using Axpo.Training.Devices;
using Axpo.Training.Models;
using Axpo.Training.Models.Lora;
using Axpo.Training.Native;
using Axpo.Training.Objectives;
using Axpo.Training.Optim;
using Axpo.Training.Pictures;
using Axpo.Training.Threads;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Learning;

/// <summary>
/// Updates a policy on a thread of its own. A batch is one epoch, one optimizer step a minibatch. Minibatches are cut by question, and each divides by what it holds itself: its questions, rows or tokens. Micro-batches are cut by
/// tokens and only add up. Log-probs under the weights that generated are those of the training pass itself until the first step is taken; only what comes after it, and what corrects or rejects where engine and learner
/// disagree, has a pass of its own, before. A batch that fails leaves weights and optimizer as they were.
/// </summary>
public sealed class Learner : ILearner, IDisposable
{
    private const string DeviceKey = "learner.device";

    // Patches of images that are kept for the passes to come.
    private const long PatchBytes = 256L << 20;

    private readonly DeviceThread _thread;
    private readonly RunConfiguration _configuration;
    private readonly string _modelFolder;
    private readonly IPolicyLoss _loss;
    private readonly RateSchedule _rate;
    private readonly Decoder? _reference;
    private readonly PictureReader? _pictures;
    private PolicyWeights _weights;
    private MicroBatchWorkers _workers;

    private Learner(DeviceThread thread, string modelFolder, RunConfiguration configuration, Device device, ScalarType precision, IImageStore? images)
    {
        _pictures = PictureReader.Of(modelFolder, images, PatchBytes);
        (_thread, _modelFolder, _configuration, Precision, _loss) = (thread, modelFolder, configuration, precision, PolicyLosses.Get(configuration.Objective.Loss));
        var options = configuration.Learner;
        var steps = (long)configuration.Steps * Math.Min(options.Minibatches, configuration.Rollouts.Questions);
        _rate = new RateSchedule(options.Schedule, options.LearningRate, options.WarmUp, steps, options.FinalShare);
        _weights = Train(Load(modelFolder, device));
        _workers = Hire(_weights);
        // Of an adapted policy the reference is the same memory with the adapter off.
        _reference = Objective.KlWeight == 0 ? null : _weights.Compute.Adapter is null ? _weights.Compute.Clone() : _weights.Compute.WithoutAdapter();
    }

    /// <inheritdoc/>
    public int Step { get; private set; }

    /// <summary>What passes are computed in; weights, optimizer and checkpoints are float32.</summary>
    public ScalarType Precision { get; }

    /// <summary>Tokens that went through passes of their own for log-probs under the weights that generated.</summary>
    internal long OldPassTokens { get; private set; }

    /// <summary>Loads a model folder as step 0; the same weights are the reference policy.</summary>
    /// <param name="modelFolder">A Hugging Face folder.</param>
    /// <param name="configuration">Objective, optimizer and cuts, and the temperature at which rollouts were sampled: log-probs are those of the distribution sampled from.</param>
    /// <param name="images">Where the images of sequences are; null: there are none.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="ArgumentException">There is no policy loss of the configuration's name.</exception>
    /// <exception cref="NotSupportedException">The configuration's device is not there.</exception>
    public static Task<Learner> StartAsync(string modelFolder, RunConfiguration configuration, IImageStore? images, CancellationToken cancellationToken) => StartAsync(
        modelFolder, configuration, stop => GemmProbe.RunOnAsync(ComputeDevice.Resolve(configuration.Learner.Device, DeviceKey), TimeProvider.System, stop), images, cancellationToken);

    /// <summary>The same for sequences without images.</summary>
    public static Task<Learner> StartAsync(string modelFolder, RunConfiguration configuration, CancellationToken cancellationToken) => StartAsync(modelFolder, configuration, images: null, cancellationToken);

    /// <summary>The same, with another probe for <see cref="LearnerPrecision.Auto"/>.</summary>
    internal static async Task<Learner> StartAsync(string modelFolder, RunConfiguration configuration, Func<CancellationToken, Task<GemmReport>> probe, IImageStore? images, CancellationToken cancellationToken)
    {
        var device = ComputeDevice.Resolve(configuration.Learner.Device, DeviceKey);
        var precision = await ComputePrecision.ChooseAsync(configuration.Learner.Precision, probe, cancellationToken);
        var thread = new DeviceThread("axpo-learner", configuration.Learner.Threads);
        try
        {
            return await thread.RunAsync(() => new Learner(thread, modelFolder, configuration, device, precision, images), cancellationToken);
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
    public Task<BlobRef> SaveAsync(string folder, CancellationToken cancellationToken) =>
        _thread.RunAsync(() => LearnerCheckpoint.Save(folder, _modelFolder, _weights, Step), cancellationToken);

    /// <inheritdoc/>
    public Task LoadAsync(string folder, CancellationToken cancellationToken) => _thread.RunAsync(
        () =>
        {
            var (weights, step) = LearnerCheckpoint.Load(folder, f => Load(f, _weights.Device), Train);
            _workers.Dispose();
            _weights.Dispose();
            (_weights, _workers, Step) = (weights, Hire(weights), step);
            return true;
        },
        cancellationToken);

    /// <summary>Loss and gradients of a batch as one minibatch, without a step; for tests of cuts and masks.</summary>
    /// <param name="batch">The batch; the present weights count as those that generated it.</param>
    /// <param name="at">A model folder with the weights at which the gradients are taken; null: the present ones.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>The loss, and the gradient of every parameter by name (the caller's to dispose).</returns>
    public Task<(double Loss, Dictionary<string, Tensor> Gradients)> GradientsAsync(UpdateBatch batch, string? at, CancellationToken cancellationToken) => _thread.RunAsync(
        () =>
        {
            using var scope = NewDisposeScope();
            var tally = new UpdateTally();
            var items = Items(batch, tally, cancellationToken);
            using var present = _weights.Remember();
            try
            {
                if (at is not null)
                {
                    Generate(items, tally, cancellationToken);
                    using var moved = Decoder.Load(at, _weights.Device);
                    _weights.Take(moved);
                }

                Weigh(items, batch.Questions, batch.Questions);
                Accumulate(items, 1, tally, cancellationToken);
                var gradients = _weights.Masters.Trained.ToDictionary(p => p.Name, p => (p.Value.grad ?? zeros_like(p.Value)).clone().DetachFromDisposeScope(), StringComparer.Ordinal);
                return (tally.Loss, gradients);
            }
            finally
            {
                ZeroGradients();
                present.Restore();
            }
        },
        cancellationToken);

    /// <summary>Ends the thread and frees the weights.</summary>
    public void Dispose()
    {
        _thread.Dispose();
        _workers.Dispose();
        _weights.Dispose();
        _reference?.Dispose();
    }

    private ObjectiveOptions Objective => _configuration.Objective;

    private bool Corrects => Objective.Correction.Level != CorrectionLevel.None || Objective.Rejection.Statistic != RejectionStatistic.None;

    private LearnerOptions Options => _configuration.Learner;

    /// <summary>Whether tokens that several sequences of a micro-batch begin with are computed once. Deterministic runs keep to packs of whole sequences.</summary>
    private bool SharesPrefixes => FusedLayer.Serves(_weights.Compute.Head) && !_configuration.Engine.Deterministic;

    private double Temperature => _configuration.Rollouts.Temperature;

    private PolicyWeights Train(Decoder masters) => new(
        masters,
        new AdamWOptions { Beta1 = Options.Beta1, Beta2 = Options.Beta2, Epsilon = Options.AdamEpsilon, WeightDecay = Options.WeightDecay },
        Precision);

    /// <summary>The weights that are trained, of a model's folder or of a checkpoint. An adapter goes over the model that the run began with, which an adapter of its own may be part of.</summary>
    private Decoder Load(string folder, Device device)
    {
        if (LoraShape.Of(Options.Lora, _modelFolder) is not { } shape)
        {
            var whole = Decoder.Load(folder, device);
            if (Options.Tower == TowerTraining.Frozen)
            {
                whole.FreezeTower();
            }

            return whole;
        }

        var decoder = Decoder.Load(_modelFolder, device);
        decoder.Attach(folder == _modelFolder ? LoraAdapter.Create(shape, decoder.Config, _configuration.Seed, device) : LoraAdapter.Load(folder, decoder.Config, device));
        return decoder;
    }

    private MicroBatchWorkers Hire(PolicyWeights weights) => new(weights.Compute, Options.Threads > 0 ? Options.Threads : Environment.ProcessorCount);

    private void ZeroGradients()
    {
        _workers.ZeroGradients();
        _weights.ZeroGradients();
    }

    private UpdateResult Update(UpdateBatch batch, CancellationToken cancellationToken)
    {
        using var scope = NewDisposeScope();
        var tally = new UpdateTally();
        var items = Items(batch, tally, cancellationToken);
        using var before = _weights.Remember();
        var norms = new List<double>();
        var rate = 0.0;
        try
        {
            foreach (var questions in Minibatches(batch.Questions))
            {
                ZeroGradients();
                var own = items.Where(i => questions.Contains(i.Sequence.Question)).ToList();
                Weigh(own, batch.Questions, questions.Count);
                Accumulate(own, questions.Count / (double)batch.Questions, tally, cancellationToken);
                var norm = _weights.ClipGlobalNorm(Options.GradientClip);
                if (!double.IsFinite(norm) || !double.IsFinite(tally.Loss))
                {
                    throw new InvalidOperationException($"batch '{batch.Id}': loss {tally.Loss}, gradient norm {norm}; weights are left as they were. Lower learner.learningRate, or look at the batch's trajectories");
                }

                norms.Add(norm);
                if (own.Count > 0)
                {
                    Generate(items, tally, cancellationToken);
                    rate = _rate.At(_weights.Steps);
                    _weights.Step(rate);
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
            ZeroGradients();
        }

        Step = batch.Step;
        return tally.Result(batch.Step, norms.DefaultIfEmpty(0).Average(), rate, items.Sum(i => i.Sequence.Tokens.Length));
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

    /// <summary>What is trained on. Sequences without loss tokens, or with none left by rejection, are left out.</summary>
    private List<TrainItem> Items(UpdateBatch batch, UpdateTally tally, CancellationToken cancellationToken)
    {
        var keys = new PictureKeys();
        var items = batch.Sequences.Select(s => new TrainItem(s, keys)).Where(i => i.Chosen.Length > 0).ToList();
        if (!Corrects)
        {
            return items;
        }

        Generate(items, tally, cancellationToken);
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

    /// <summary>Log-probs under the present weights, as those that generated, for the sequences that lack them.</summary>
    private void Generate(IReadOnlyList<TrainItem> items, UpdateTally tally, CancellationToken cancellationToken)
    {
        var micros = Cut([.. items.Where(i => !i.IsGenerated)]);
        var entropies = _workers.Run(
            micros,
            (policy, micro) =>
            {
                using var guard = no_grad();
                using var scope = NewDisposeScope();
                var pack = Pack(micro, out var chosen);
                return Generated(micro, new PolicyPass(policy, pack, chosen, Temperature, EntropyUse.Value));
            },
            cancellationToken);
        OldPassTokens += micros.Sum(m => m.Sum(i => i.Sequence.Tokens.Length));
        TallyBehaviour(micros, entropies, tally);
    }

    /// <summary>Gives items the log-probs of a pass, and returns its entropies.</summary>
    private static float[] Generated(IReadOnlyList<TrainItem> micro, PolicyPass pass)
    {
        var values = pass.LogProbs.Floats();
        var at = 0;
        foreach (var item in micro)
        {
            item.Generated(values[at..(at + item.Chosen.Length)]);
            at += item.Chosen.Length;
        }

        return pass.Entropies!.Floats();
    }

    private static void TallyBehaviour(IReadOnlyList<IReadOnlyList<TrainItem>> micros, IReadOnlyList<float[]?> entropies, UpdateTally tally)
    {
        foreach (var (micro, values) in micros.Zip(entropies).Where(m => m.Second is not null))
        {
            var at = 0;
            foreach (var item in micro)
            {
                tally.Behaviour(item, values.AsSpan(at, item.Chosen.Length));
                at += item.Chosen.Length;
            }
        }
    }

    private void Accumulate(IReadOnlyList<TrainItem> items, double share, UpdateTally tally, CancellationToken cancellationToken)
    {
        var micros = Cut(items);
        var done = _workers.Run(micros, Backpropagate, cancellationToken);
        _workers.SumGradients();
        TallyBehaviour(micros, [.. done.Select(d => d.Entropies)], tally);
        foreach (var (micro, (sums, _)) in micros.Zip(done))
        {
            tally.Trained(sums, micro.Sum(i => i.Chosen.Length), share);
        }
    }

    /// <summary>Adds the gradients of a micro-batch to those of a worker's policy.</summary>
    /// <returns>What the tally takes: sums, and the entropies where its log-probs are those under the weights that generated.</returns>
    private (Tensor Sums, float[]? Entropies) Backpropagate(Decoder policy, List<TrainItem> micro)
    {
        using var scope = NewDisposeScope();
        var pack = Pack(micro, out var chosen);
        var isFirst = !micro[0].IsGenerated;
        var entropy = Objective.EntropyWeight != 0 ? EntropyUse.Gradient : isFirst ? EntropyUse.Value : EntropyUse.None;
        var pass = new PolicyPass(policy, pack, chosen, Temperature, entropy, Options.Checkpointing);
        var entropies = isFirst ? Generated(micro, pass) : null;
        var rows = _weights.Device.Upload(micro.SelectMany((item, i) => Enumerable.Repeat((long)i, item.Chosen.Length)).ToArray());
        var tokens = new LossTokens(pass.LogProbs, Flat(micro, i => i.Old), Flat(micro, i => i.Advantages), rows, micro.Count);
        var inputs = new ObjectiveInputs(tokens, Flat(micro, i => Enumerable.Repeat((float)i.Weight, i.Chosen.Length)))
        {
            Reference = Reference(pack, chosen),
            Correction = Corrects ? Flat(micro, i => i.Correction) : null,
            Behaviour = Objective.OffPolicyMask ? Flat(micro, i => i.Behaviour) : null,
            Entropies = Objective.EntropyWeight != 0 ? pass.Entropies : null,
        };
        var terms = PolicyObjective.Compute(_loss, inputs, Objective);
        terms.Loss.backward();
        pass.Backward();
        _weights.GatherGradients();
        return (UpdateTally.Sums(terms, tokens.Advantages), entropies);
    }

    private Tensor? Reference(PackedBatch pack, Tensor chosen)
    {
        using var guard = no_grad();
        return _reference is null ? null : new PolicyPass(_reference, pack, chosen, Temperature).LogProbs;
    }

    /// <summary>Fixes the weights of a minibatch's tokens, before it is cut.</summary>
    private void Weigh(IReadOnlyList<TrainItem> items, int batch, int questions)
    {
        var weights = LossWeights.Of([.. items.Select(i => i.Chosen.Length)], [.. items.Select(i => i.Sequence.Weight * batch / questions)], LossDivisors.Of(_configuration, questions));
        for (var i = 0; i < items.Count; i++)
        {
            items[i].Weight = weights[i];
        }
    }

    private PackedBatch Pack(IReadOnlyList<TrainItem> micro, out Tensor chosen)
    {
        var pack = new PackedBatch(
            [.. micro.Select(i => i.Keys)], _weights.Device, SharesPrefixes, PackPictures.Of([.. micro.Select(i => i.Sequence.Images)], _weights.Compute.Config.Pictures, _pictures));
        chosen = _weights.Device.Upload(micro.SelectMany((item, i) => item.Chosen.Select(t => (long)pack.RowOf(i, t))).ToArray());
        return pack;
    }

    private Tensor Flat(IReadOnlyList<TrainItem> micro, Func<TrainItem, IEnumerable<float>> values) => _weights.Device.Upload(micro.SelectMany(values).ToArray());

    private List<List<TrainItem>> Cut(IReadOnlyList<TrainItem> items) => MicroBatches.Cut(items, i => i.Keys, Math.Min(Options.MicroBatchTokens, _workers.MostTokens), _workers.Count, SharesPrefixes);
}
