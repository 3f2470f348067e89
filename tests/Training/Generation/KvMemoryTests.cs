using System.Runtime.InteropServices;
using Axpo.Core;
using Axpo.Training.Devices;
using Axpo.Training.Generation;
using Shouldly;
using TorchSharp;
using Xunit;
using static Axpo.Training.Tests.Generation.EngineFixture;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Generation;

/// <summary>The bytes behind the pages.</summary>
public sealed class KvMemoryTests(EngineFixture fixture) : IClassFixture<EngineFixture>
{
    [Fact]
    public unsafe void Trimming_gives_free_pages_back_and_leaves_those_in_use()
    {
        var layout = new KvLayout(Config);
        using var pool = new KvPool(layout, 4 << 20);
        var pages = Enumerable.Range(0, pool.Capacity).Select(_ => pool.Rent()).ToArray();
        Should.Throw<InvalidOperationException>(pool.Rent);
        foreach (var page in pages)
        {
            Floats(page).Fill(1 + page.Index);
        }

        // Only whole pages of the system are given back: the ends of a range may stay as they were.
        foreach (var page in pages.Where(p => p.Index % 10 != 0))
        {
            pool.Return(page);
        }

        pool.Trim();
        pages.Where(p => p.Index % 10 == 0).All(p => Is(p, 1 + p.Index)).ShouldBeTrue();
        if (OperatingSystem.IsLinux())
        {
            pages.Where(p => p.Index % 10 is > 1 and < 9 && p.Index < pages.Length - 1).All(p => Is(p, 0)).ShouldBeTrue();
        }

        // The first come first again, and what is written stays.
        var again = pool.Rent();
        again.Index.ShouldBe(1);
        pool.Return(again);
        var copy = pool.Copy(pages[20]);
        Is(copy, 21).ShouldBeTrue();
        pool.Bytes.ShouldBe(pool.InUse * layout.PageBytes);

        Span<float> Floats(KvPage page) => new(page.Data, layout.PageFloats);
        bool Is(KvPage page, float value) => !Floats(page).ContainsAnyExcept(value);
    }

    [Fact]
    public void A_budget_beyond_all_addresses_is_refused_by_name() =>
        Should.Throw<InvalidOperationException>(() => new HostKvMemory(new KvLayout(Config with { Layers = 64, KvHeads = 32, HeadDim = 128 }), 1L << 50))
            .Message.ShouldStartWith("engine.kvMebibytes: the system does not reserve");

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_engine_without_room_for_its_pages_does_not_start(bool onTensors)
    {
        var folder = fixture.Make($"wide{onTensors}", 1, Config with { Heads = 32, KvHeads = 32, HeadDim = 128 });
        var error = await Should.ThrowAsync<InvalidOperationException>(() => PolicyEngine.StartAsync(
            folder,
            new EngineOptions { KvMebibytes = int.MaxValue },
            ComputeDevice.Cpu,
            onTensors,
            TimeProvider.System,
            Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance,
            layouts: null,
            images: null,
            CancellationToken.None));
        error.Message.ShouldStartWith("engine.kvMebibytes: ");
    }

    [Fact]
    public void A_page_of_tensors_is_copied_whole_and_nothing_else_is()
    {
        using var scope = NewDisposeScope();
        using var memory = new TensorKvMemory(new KvLayout(Config), 1 << 20, ComputeDevice.Cpu);
        var slots = arange(memory.EmptySlot, ScalarType.Float32);
        var filled = slots.view(-1, 1, 1).expand(memory.EmptySlot, Config.KvHeads, Config.HeadDim);
        for (var layer = 0; layer < Config.Layers; layer++)
        {
            memory.Keys(layer).narrow(0, 0, memory.EmptySlot).copy_(filled + (1000 * layer));
            memory.Values(layer).narrow(0, 0, memory.EmptySlot).copy_(filled + (1000 * layer) + 500);
        }

        memory.Hidden.copy_(slots.view(-1, 1).expand(memory.EmptySlot, Config.HiddenSize));
        memory.Copy(3, 1);
        for (var layer = 0; layer < Config.Layers; layer++)
        {
            Check(memory.Keys(layer), 1000 * layer);
            Check(memory.Values(layer), (1000 * layer) + 500);
            memory.Keys(layer)[memory.EmptySlot].abs().sum().item<float>().ShouldBe(0);
        }

        Check(memory.Hidden, 0);

        static void Check(Tensor got, float offset)
        {
            for (var slot = 0; slot < 64; slot++)
            {
                var wanted = slot is >= 16 and < 32 ? slot + 32 : slot;
                MemoryMarshal.Cast<byte, float>(got[slot].contiguous().bytes).ContainsAnyExcept(wanted + offset).ShouldBeFalse();
            }
        }
    }
}
