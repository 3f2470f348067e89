using Axpo.Core;
using Axpo.Silo.Hosting;
using Axpo.Training.Devices;
using Axpo.Training.Memory;
using Axpo.Training.Models;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Hosting;

public sealed class MemoryCheckTests
{
    private const long GiB = 1L << 30;

    private static readonly DecoderConfig Large = new()
    {
        ModelType = "llama",
        VocabSize = 128_256,
        HiddenSize = 4096,
        Layers = 32,
        Heads = 32,
        KvHeads = 8,
        HeadDim = 128,
        IntermediateSize = 14_336,
        QkNorm = false,
        TieWordEmbeddings = false,
        MaxPositions = 131_072,
    };

    [Fact]
    public void A_run_that_does_not_fit_is_told_what_takes_how_much_and_what_helps()
    {
        var plan = Plan(new RunConfiguration());
        var problem = MemoryCheck.Check(plan, new MachineMemory(200 * GiB), []).ShouldHaveSingleItem();
        (problem.Field, problem.Value, problem.IsEnvironment).ShouldBe(("memory", "", true));
        var estimate = MemoryEstimator.Of(plan)[0];
        problem.Remedy.ShouldStartWith(FormattableString.Invariant($"the run takes about {estimate.Bytes / (double)GiB:0.0} GiB while it trains, 200.0 GiB are available: copy to undo an update {3 * 4 * Large.ParameterCount / (double)GiB:0.0} GiB"));
        problem.Remedy.ShouldContain("What helps: learner.lora.rank=16 (fits: ");
        problem.Remedy.ShouldContain("objective.klWeight=0 (");
        problem.Remedy.ShouldNotContain("engine.kvMebibytes");
        problem.Remedy.ShouldNotContain("cuda");
    }

    [Fact]
    public void What_is_advised_with_fits_does_fit()
    {
        var plan = Plan(new RunConfiguration());
        var there = new MachineMemory(200 * GiB);
        MemoryCheck.Check(plan, there, []).ShouldNotBeEmpty();
        MemoryCheck.Check(plan with { Run = plan.Run with { Learner = new LearnerOptions { Lora = new LoraOptions { Rank = 16 } } } }, there, []).ShouldBeEmpty();
    }

    [Fact]
    public void Where_KV_caches_are_what_is_too_large_a_smaller_budget_is_advised()
    {
        var plan = Plan(new RunConfiguration { Engine = new EngineOptions { KvMebibytes = 65_536 } }) with { Trains = false };
        var problem = MemoryCheck.Check(plan, new MachineMemory(64 * GiB), []).ShouldHaveSingleItem();
        problem.Remedy.ShouldContain("while it samples");
        problem.Remedy.ShouldContain("engine: KV caches 64.0 GiB");
        problem.Remedy.ShouldContain("engine.kvMebibytes=32768 (");
        problem.Remedy.ShouldNotContain("learner.");
    }

    [Fact]
    public void A_CUDA_device_is_held_against_its_own_memory_and_advised_where_there_is_one()
    {
        var device = new Accelerator("cuda:0", "small", 24 * GiB);
        var onDevice = Plan(new RunConfiguration()) with { LearnerDevice = "cuda:0" };
        MemoryCheck.Check(onDevice, new MachineMemory(1000 * GiB), [device]).ShouldHaveSingleItem().Value.ShouldBe("cuda:0");
        MemoryCheck.Check(onDevice, new MachineMemory(1000 * GiB), [device with { MemoryBytes = 0 }]).ShouldBeEmpty("the driver does not say its memory");
        MemoryCheck.Check(Plan(new RunConfiguration()), new MachineMemory(200 * GiB), [device]).ShouldHaveSingleItem().Remedy.ShouldContain("learner.device=cuda:0 (");
    }

    [Fact]
    public void The_quickstart_fits_a_machine_of_2_GiB_and_unknown_memory_is_not_checked()
    {
        var tiny = Large with { HiddenSize = 128, Layers = 4, Heads = 4, KvHeads = 4, HeadDim = 32, IntermediateSize = 344, VocabSize = 1692, MaxPositions = 1024, TieWordEmbeddings = true };
        MemoryCheck.Check(Plan(new RunConfiguration()) with { Model = tiny, Cores = 8 }, new MachineMemory(2 * GiB), []).ShouldBeEmpty();
        MemoryCheck.Check(Plan(new RunConfiguration()) with { Model = tiny, Cores = 64 }, new MachineMemory(8 * GiB), []).ShouldBeEmpty();
        MemoryCheck.Check(Plan(new RunConfiguration()), null, []).ShouldBeEmpty();
    }

    private static MemoryPlan Plan(RunConfiguration run) => new()
    {
        Model = Large,
        Run = run,
        Trains = true,
        Cores = 2,
    };
}
