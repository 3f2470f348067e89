using Axpo.Core;
using Axpo.Training.Devices;
using Axpo.Training.Models;

namespace Axpo.Training.Memory;

/// <summary>What a model is used for, with the most memory that it takes.</summary>
/// <param name="Use"><c>serve</c>, <c>lora</c> or <c>full</c>.</param>
/// <param name="Estimates">By device, the processor first.</param>
public sealed record ModelUse(string Use, IReadOnlyList<MemoryEstimate> Estimates);

/// <summary>The memory that a model takes to serve and to train it, as a run of the default configuration would be judged before it starts.</summary>
public static class ModelUses
{
    /// <summary>Estimates.</summary>
    /// <param name="model">Shape of the policy.</param>
    /// <param name="isAdapter">Whether its folder is an adapter's.</param>
    /// <param name="context">Tokens of a sequence; of a micro-batch at least those.</param>
    /// <param name="sequences">Sequences whose KV is held at once.</param>
    /// <param name="lora">The adapter to train; its rank is above 0.</param>
    /// <param name="device"><c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>, of engine and learner.</param>
    public static IReadOnlyList<ModelUse> Of(DecoderConfig model, bool isAdapter, int context, int sequences, LoraOptions lora, string device = ComputeDevice.Processor)
    {
        var kv = (int)Math.Min(int.MaxValue, (MemoryEstimator.KvBytes(model, context, sequences) + (1 << 20) - 1) >> 20);
        var run = new RunConfiguration();
        run = run with
        {
            Rollouts = run.Rollouts with { MaxTokens = context },
            Engine = run.Engine with { KvMebibytes = kv, Device = device },
            Learner = run.Learner with { Device = device },
        };
        var plan = new MemoryPlan
        {
            Model = model,
            Run = run,
            Trains = true,
            IsAdapter = isAdapter,
            EngineDevice = device,
            LearnerDevice = device,
        };
        return
        [
            new ModelUse("serve", MemoryEstimator.Of(plan with { Trains = false })),
            new ModelUse("lora", MemoryEstimator.Of(plan with { Run = run with { Learner = run.Learner with { Lora = lora } } })),
            new ModelUse("full", MemoryEstimator.Of(plan)),
        ];
    }
}
