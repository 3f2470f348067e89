using System.Globalization;
using Axpo.Training.Devices;
using Axpo.Training.Memory;

namespace Axpo.Silo.Hosting;

/// <summary>Refuses a run that cannot fit the memory there is.</summary>
public static class MemoryCheck
{
    private const int AdvisedRank = 16;

    /// <summary>Checks a run.</summary>
    /// <param name="plan">The run, its devices settled.</param>
    /// <param name="machine">Memory of the machine; null: not known, not checked.</param>
    /// <param name="accelerators">CUDA devices. One whose driver does not say its memory is not checked; what else uses a device is not known either: the whole of it counts.</param>
    /// <returns>A problem for each device that is too small.</returns>
    public static IEnumerable<Problem> Check(MemoryPlan plan, MachineMemory? machine, IReadOnlyList<Accelerator> accelerators)
    {
        foreach (var estimate in MemoryEstimator.Of(plan))
        {
            var there = estimate.Device == ComputeDevice.Processor ? machine?.AvailableBytes : accelerators.FirstOrDefault(a => a.Setting == estimate.Device)?.MemoryBytes;
            if (there is { } bytes and > 0 && estimate.Bytes > bytes)
            {
                yield return new Problem("memory", estimate.Device == ComputeDevice.Processor ? "" : estimate.Device, Remedy(plan, estimate, bytes, accelerators), IsEnvironment: true);
            }
        }
    }

    private static string Remedy(MemoryPlan plan, MemoryEstimate estimate, long there, IReadOnlyList<Accelerator> accelerators)
    {
        var parts = string.Join(", ", estimate.Items.Where(i => i.Bytes >= estimate.Bytes / 100).OrderByDescending(i => i.Bytes).Select(i => $"{i.What} {Text(i.Bytes)}"));
        var advice = Advice(plan, estimate, accelerators).Select(a => $"{a.Setting} ({(a.Bytes <= there ? "fits: " : "")}{Text(a.Bytes)})").ToArray();
        return $"the run takes about {Text(estimate.Bytes)} while it {estimate.Moment}, {Text(there)} are available: {parts}. "
            + (advice.Length > 0 ? $"What helps: {string.Join("; ", advice)}; or a smaller model" : "A smaller model, or a larger machine, is what helps");
    }

    /// <summary>Settings that would make it less, those that save most first, with what the run would take then.</summary>
    private static IEnumerable<(string Setting, long Bytes)> Advice(MemoryPlan plan, MemoryEstimate estimate, IReadOnlyList<Accelerator> accelerators)
    {
        var (run, learner) = (plan.Run, plan.Run.Learner);
        var half = Math.Max(1, run.Engine.KvMebibytes / 2);
        var changes = new List<(string Setting, MemoryPlan Plan)> { (Key($"engine.kvMebibytes={half}"), With(run with { Engine = run.Engine with { KvMebibytes = half } })) };
        if (plan.Trains)
        {
            if (learner.Lora.Rank == 0)
            {
                changes.Add((Key($"learner.lora.rank={AdvisedRank}"), With(run with { Learner = learner with { Lora = learner.Lora with { Rank = AdvisedRank } } })));
            }

            changes.Add(("learner.checkpointing=true", With(run with { Learner = learner with { Checkpointing = true } })));
            changes.Add(("learner.threads=1", With(run with { Learner = learner with { Threads = 1 } })));
            changes.Add(("objective.klWeight=0", With(run with { Objective = run.Objective with { KlWeight = 0 } })));
            var tokens = Math.Max(64, learner.MicroBatchTokens / 4);
            changes.Add((Key($"learner.microBatchTokens={tokens}"), With(run with { Learner = learner with { MicroBatchTokens = tokens } })));
            var longest = Math.Max(16, run.Rollouts.MaxTokens / 2);
            changes.Add((Key($"rollouts.maxTokens={longest}"), With(run with { Rollouts = run.Rollouts with { MaxTokens = longest } })));
            if (estimate.Device == ComputeDevice.Processor && plan.LearnerDevice == ComputeDevice.Processor && accelerators.Count > 0)
            {
                changes.Add(($"learner.device={accelerators[0].Setting}", plan with { LearnerDevice = accelerators[0].Setting }));
            }
        }

        return changes.Select(c => (c.Setting, Bytes: MemoryEstimator.Of(c.Plan).FirstOrDefault(e => e.Device == estimate.Device)?.Bytes ?? 0))
            .Where(c => estimate.Bytes - c.Bytes >= estimate.Bytes / 50)
            .OrderBy(c => c.Bytes);

        MemoryPlan With(RunConfiguration changed) => plan with { Run = changed };
    }

    private static string Key(FormattableString text) => FormattableString.Invariant(text);

    private static string Text(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 30):0.0} GiB");
}
