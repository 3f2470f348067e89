using Axpo.Training.Native;
using Shouldly;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Native;

/// <summary>TorchSharp's own <c>one + one</c> fails this test within a second.</summary>
public sealed class ScalarLifetimeTests
{
    private const int Sums = 100_000;

    [Fact]
    public void A_sum_is_right_while_garbage_is_collected()
    {
        LibtorchLoader.EnsureLoaded();
        using var over = new CancellationTokenSource();
        var collector = new Thread(() =>
        {
            while (!over.IsCancellationRequested)
            {
                GC.Collect(0);
                GC.WaitForPendingFinalizers();
            }
        });
        collector.Start();
        try
        {
            using var guard = no_grad();
            using var one = ones(4);
            for (var i = 0; i < Sums; i++)
            {
                using var sum = one.Plus(one);
                using var product = one.Times(3);
                if (i % 100 == 0)
                {
                    sum.data<float>().ToArray().ShouldBe([2, 2, 2, 2]);
                    product.data<float>().ToArray().ShouldBe([3, 3, 3, 3]);
                }
            }
        }
        finally
        {
            over.Cancel();
            collector.Join();
        }
    }
}
