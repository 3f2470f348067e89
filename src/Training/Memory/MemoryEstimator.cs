using Axpo.Core;
using Axpo.Training.Devices;
using Axpo.Training.Generation;
using Axpo.Training.Learning;
using Axpo.Training.Models;
using Axpo.Training.Models.Lora;
using Axpo.Training.Models.Vision;

namespace Axpo.Training.Memory;

/// <summary>
/// Says from a model's shape and a run's configuration how much memory the run takes at most, without loading anything. What is counted is what engine and learner hold: every tensor that stays, the activations of the
/// micro-batches under way, and the moments when something is held twice (an engine that takes new weights, a learner that can undo an update). Files that are mapped are not counted: the system takes their pages back.
/// </summary>
public static class MemoryEstimator
{
    /// <summary>What a process of axpo takes without a model, bytes: .NET, Orleans, libtorch and their heaps (measured on a run of axpo-tiny).</summary>
    public const long ProcessBytes = 400L << 20;

    // Copies of a chunk of logits that autograd's head makes: logits, by temperature, log-softmax, its gradient, the logits' gradient.
    private const int RecordedLogits = 5;

    private const int Float = sizeof(float);

    /// <summary>The most that a run holds, device by device, the processor first.</summary>
    public static IReadOnlyList<MemoryEstimate> Of(MemoryPlan plan)
    {
        if (plan.Trains && plan.Run.Learner.Precision == LearnerPrecision.Auto)
        {
            // A probe will decide: whichever takes more.
            MemoryEstimate[] either = [.. new[] { LearnerPrecision.Float32, LearnerPrecision.Bfloat16 }.SelectMany(p => Of(plan with { Run = plan.Run with { Learner = plan.Run.Learner with { Precision = p } } }))];
            return [.. either.GroupBy(e => e.Device).Select(g => g.MaxBy(e => e.Bytes)!)];
        }

        MemoryMoment[] moments = plan.Trains ? [Updating(plan), Publishing(plan)] : [Sampling(plan)];
        return [.. moments.SelectMany(m => m.Devices).Distinct(StringComparer.Ordinal).OrderBy(d => d != ComputeDevice.Processor).ThenBy(d => d, StringComparer.Ordinal)
            .Select(d => IsHost(d) ? AtAnyTime(plan, moments) : moments.Select(m => m.On(d)).MaxBy(e => e.Bytes)!)];
    }

    /// <summary>Numbers that a run trains.</summary>
    /// <param name="model">Shape of the policy.</param>
    /// <param name="lora">The adapter; rank 0: there is none.</param>
    /// <param name="tower">What becomes of a vision tower's weights.</param>
    public static long TrainedParameters(DecoderConfig model, LoraOptions lora, TowerTraining tower = TowerTraining.Trained)
    {
        if (LoraShape.Of(lora, ".") is not { } shape)
        {
            return model.ParameterCount - (tower == TowerTraining.Frozen ? model.Pictures?.Tower.ParameterCount ?? 0 : 0);
        }

        long query = (long)model.Heads * model.HeadDim, key = (long)model.KvHeads * model.HeadDim, hidden = model.HiddenSize, inner = model.IntermediateSize;
        return shape.Rank * shape.Targets.Sum(t => t switch
        {
            "q_proj" or "o_proj" => model.Layers * (hidden + query),
            "k_proj" or "v_proj" => model.Layers * (hidden + key),
            _ when LoraShape.Projections.Contains(t) => model.Layers * (hidden + inner),
            _ => model.Pictures is { } pictures ? AdaptedOf(pictures.Tower, t) : 0,
        });
    }

    /// <summary>Inputs and outputs of what an adapter adapts of a tower.</summary>
    private static long AdaptedOf(VisionConfig tower, string target)
    {
        long hidden = tower.HiddenSize, inner = tower.IntermediateSize, merged = tower.MergedSize, mergers = 1 + tower.DeepstackLayers.Count;
        return target switch
        {
            "qkv" => tower.Layers * 4 * hidden,
            "attn.proj" => tower.Layers * 2 * hidden,
            "linear_fc1" => (tower.Layers * (hidden + inner)) + (mergers * 2 * merged),
            _ => (tower.Layers * (hidden + inner)) + (mergers * (merged + tower.OutputSize)),
        };
    }

    /// <summary>Bytes of the KV caches of sequences.</summary>
    /// <param name="model">Shape of the policy.</param>
    /// <param name="context">Tokens of each.</param>
    /// <param name="sequences">Sequences.</param>
    public static long KvBytes(DecoderConfig model, int context, int sequences) => sequences * KvLayout.Pages(context) * new KvLayout(model).PageBytes;

    /// <summary>
    /// In the processor's memory the moments add up: what is freed stays with the process (<see cref="Native.LibtorchLoader"/>), often in an arena of threads that do not make what comes next. A CUDA device has one pool for all.
    /// </summary>
    private static MemoryEstimate AtAnyTime(MemoryPlan plan, MemoryMoment[] moments) => new(
        ComputeDevice.Processor,
        plan.Trains ? "trains" : "samples",
        [.. moments.SelectMany(m => m.On(ComputeDevice.Processor).Items).GroupBy(i => i.What, StringComparer.Ordinal).Select(g => g.MaxBy(i => i.Bytes)!)]);

    private static MemoryMoment Sampling(MemoryPlan plan)
    {
        var moment = new MemoryMoment("samples");
        Engine(plan, moment);
        BelowAdapter(plan, moment);
        return moment;
    }

    /// <summary>The engine reads new weights while it goes on with its own; an adapter's are merged into a second copy.</summary>
    private static MemoryMoment Publishing(MemoryPlan plan)
    {
        var moment = new MemoryMoment("publishes new weights");
        Engine(plan, moment);
        moment.Add(plan.EngineDevice, "engine: new weights", (plan.Run.Learner.Lora.Rank > 0 ? 2 : 1) * Weights(plan.Model, Float));
        BelowAdapter(plan, moment);
        Learner(plan, moment);
        if (!IsHost(plan.LearnerDevice))
        {
            var trained = TrainedParameters(plan.Model, plan.Run.Learner.Lora, plan.Run.Learner.Tower);
            moment.Add(ComputeDevice.Processor, "checkpoint on its way to the disk", 2 * trained * Float);
        }

        return moment;
    }

    /// <summary>An adapter's folder is read as its model and a copy with the adapter in its weights.</summary>
    private static void BelowAdapter(MemoryPlan plan, MemoryMoment moment) => moment.Add(plan.EngineDevice, "engine: model below the adapter", plan.IsAdapter ? Weights(plan.Model, Float) : 0);

    private static MemoryMoment Updating(MemoryPlan plan)
    {
        var moment = new MemoryMoment("updates");
        Engine(plan, moment);
        Learner(plan, moment);
        var (run, device) = (plan.Run, plan.LearnerDevice);
        var trained = TrainedParameters(plan.Model, run.Learner.Lora, run.Learner.Tower);
        var isFused = IsFused(plan);
        var workers = Workers(plan);
        moment.Add(device, "gradients", trained * ((Float * (isFused ? workers : 1)) + (IsLow(plan) ? 2 : 0)));
        moment.Add(device, "copy to undo an update", 3 * trained * Float);
        var tokens = isFused ? Math.Max(Math.Min(run.Learner.MicroBatchTokens, MicroBatchWorkers.CachedTokens), plan.LongestSequence) : Math.Max(run.Learner.MicroBatchTokens, plan.LongestSequence);
        moment.Add(device, "activations", workers * tokens * (isFused ? Taped(plan) : Recorded(plan)));
        var scratch = IsHost(device) ? ComputeDevice.ScratchBytes(ComputeDevice.Cpu) : ComputeDevice.CudaScratchBytes;
        var rows = Math.Clamp(scratch / ((long)Float * plan.Model.VocabSize), 1, tokens);
        var copies = isFused ? 1 + (HasReference(plan) ? 1 : 0) : RecordedLogits;
        moment.Add(device, "logits", workers * ((copies * rows * plan.Model.VocabSize * Float) + (4L * tokens * plan.Model.HiddenSize * Float)));
        return moment;
    }

    private static void Engine(MemoryPlan plan, MemoryMoment moment)
    {
        moment.Add(plan.EngineDevice, "engine: weights", Weights(plan.Model, Float));
        moment.Add(plan.EngineDevice, "engine: KV caches", (long)plan.Run.Engine.KvMebibytes << 20);
        moment.Add(ComputeDevice.Processor, "engine: images", plan.Model.Pictures is null ? 0 : (long)plan.Run.Engine.ImageMebibytes << 20);
        moment.Add(plan.EngineDevice, "engine: working memory", PrefillBudget.MostRows * LayerFloats.Taped(plan.Model) * Float);
        moment.Add(ComputeDevice.Processor, "process", ProcessBytes);
    }

    /// <summary>What the learner holds at any time.</summary>
    private static void Learner(MemoryPlan plan, MemoryMoment moment)
    {
        var (model, device, lora) = (plan.Model, plan.LearnerDevice, plan.Run.Learner.Lora);
        var (trained, bytes) = (TrainedParameters(model, lora, plan.Run.Learner.Tower), IsLow(plan) ? 2 : Float);
        var adapter = lora.Rank > 0 ? trained : 0;
        var shares = (IsFused(plan) ? Workers(plan) - 1 : 0) + (lora.Rank > 0 && HasReference(plan) ? 1 : 0);
        moment.Add(device, "learner: weights", Weights(model, Float) + (adapter * Float) + (IsLow(plan) ? Weights(model, bytes) + (adapter * bytes) : 0) + (shares * RopeBytes(model, bytes)));
        // Of an adapted policy the reference is the same memory.
        moment.Add(device, "reference policy", HasReference(plan) && lora.Rank == 0 ? Weights(model, bytes) : 0);
        moment.Add(device, "optimizer", 2 * trained * Float);
    }

    /// <summary>Parameters and rope's tables of one decoder.</summary>
    private static long Weights(DecoderConfig model, int bytes) => (model.ParameterCount * bytes) + RopeBytes(model, bytes);

    private static long RopeBytes(DecoderConfig model, int bytes) => 2L * model.MaxPositions * model.HeadDim * bytes;

    /// <summary>Bytes a token of a micro-batch, backward pass written by hand; the reference's pass runs while the tape is held.</summary>
    private static long Taped(MemoryPlan plan)
    {
        var (layers, layer, inputs) = (plan.Model.Layers, LayerFloats.Taped(plan.Model), (long)plan.Model.Layers * plan.Model.HiddenSize);
        var kept = plan.Run.Learner.Checkpointing ? inputs : layers * layer;
        var back = LayerFloats.Returned(plan.Model) + (plan.Run.Learner.Checkpointing ? layer : 0);
        return Float * (kept + Math.Max(back, HasReference(plan) ? inputs + layer : 0));
    }

    /// <summary>The same through autograd.</summary>
    private static long Recorded(MemoryPlan plan)
    {
        var model = plan.Model;
        var (bytes, inputs) = (IsLow(plan) ? 2 : Float, (long)model.Layers * model.HiddenSize);
        var layer = (bytes * LayerFloats.Recorded(model)) + (IsLow(plan) ? Float * LayerFloats.RecordedInFloat32(model) : 0);
        return (plan.Run.Learner.Checkpointing ? bytes * inputs : model.Layers * layer) + (2 * layer) + (HasReference(plan) ? bytes * inputs : 0);
    }

    private static int Workers(MemoryPlan plan) => IsFused(plan)
        ? MicroBatchWorkers.CountFor(TrainedParameters(plan.Model, plan.Run.Learner.Lora, plan.Run.Learner.Tower), plan.Run.Learner.Threads > 0 ? plan.Run.Learner.Threads : plan.Cores)
        : 1;

    private static bool HasReference(MemoryPlan plan) => plan.Run.Objective.KlWeight != 0;

    private static bool IsLow(MemoryPlan plan) => plan.Run.Learner.Precision == LearnerPrecision.Bfloat16;

    private static bool IsFused(MemoryPlan plan) => IsHost(plan.LearnerDevice) && !IsLow(plan);

    private static bool IsHost(string device) => device == ComputeDevice.Processor;
}
