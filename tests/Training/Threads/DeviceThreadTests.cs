using System.Runtime.InteropServices;
using Axpo.Training.Threads;
using Shouldly;
using TorchSharp;
using Xunit;

namespace Axpo.Training.Tests.Threads;

public sealed partial class DeviceThreadTests
{
    /// <summary>A matrix product on another number of threads adds in another order: a learner of one thread would not give the same bits beside an engine of several. libtorch may initialise a thread's number at its first operator only, from what any thread set last.</summary>
    [Fact]
    public async Task Its_operators_run_on_its_own_number_of_threads_whatever_others_begin_before_its_first()
    {
        using var one = new DeviceThread("one", 1);
        await one.RunAsync(() => 0, TestContext.Current.CancellationToken);
        using var three = new DeviceThread("three", 3);
        (await NumbersAsync(three)).ShouldBe((3, 3));
        (await NumbersAsync(one)).ShouldBe((1, 1));
        (await NumbersAsync(three)).ShouldBe((3, 3));
    }

    private static Task<(int Torch, int Mkl)> NumbersAsync(DeviceThread thread) => thread.RunAsync(() => (torch.get_num_threads(), MklThreads()), TestContext.Current.CancellationToken);

    private static int MklThreads()
    {
        try
        {
            return MklGetMaxThreads();
        }
        catch (EntryPointNotFoundException)
        {
            Assert.Skip("this libtorch has no MKL");
            throw;
        }
    }

    [LibraryImport("torch_cpu", EntryPoint = "MKL_Get_Max_Threads")]
    private static partial int MklGetMaxThreads();
}
