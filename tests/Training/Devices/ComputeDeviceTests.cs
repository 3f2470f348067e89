using Axpo.Core;
using Axpo.Training.Devices;
using Axpo.Training.Generation;
using Axpo.Training.Learning;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Devices;

public sealed class ComputeDeviceTests
{
    [Theory]
    [InlineData("auto", 0, false, null)]
    [InlineData("cpu", 0, false, null)]
    [InlineData("cuda", 1, true, null)]
    [InlineData("cuda:1", 2, true, null)]
    [InlineData("cuda", 0, false, "this libtorch is built for the CPU")]
    [InlineData("cuda:0", 0, true, "sees no device")]
    [InlineData("cuda:2", 2, true, "the last one is cuda:1")]
    [InlineData("cuda:", 1, true, "is no device")]
    [InlineData("cuda1", 1, true, "is no device")]
    [InlineData("cuda:-1", 1, true, "is no device")]
    [InlineData("gpu", 1, true, "is no device")]
    public void A_setting_is_there_or_the_reason_is_told(string setting, int count, bool hasCudaLibtorch, string? why)
    {
        if (why is null)
        {
            ComputeDevice.WhyNot(setting, count, hasCudaLibtorch).ShouldBeNull();
        }
        else
        {
            ComputeDevice.WhyNot(setting, count, hasCudaLibtorch).ShouldNotBeNull().ShouldContain(why);
        }
    }

    [Fact]
    public void Auto_is_the_first_cuda_device_or_the_processor()
    {
        var device = ComputeDevice.Resolve("auto", "learner.device");
        device.type.ShouldBe(ComputeDevice.CudaCount > 0 ? DeviceType.CUDA : DeviceType.CPU);
        Accelerator.All().Count.ShouldBe(ComputeDevice.CudaCount);
        ComputeDevice.Resolve("cpu", "learner.device").type.ShouldBe(DeviceType.CPU);
        ComputeDevice.Synchronize(device);
    }

    [Fact]
    public async Task A_learner_and_an_engine_say_by_name_which_device_they_cannot_have()
    {
        using var model = new TinyModel();
        var configuration = new RunConfiguration { Learner = new LearnerOptions { Device = "cuda:900" } };
        (await Should.ThrowAsync<NotSupportedException>(() => Learner.StartAsync(model.Folder, configuration, TestContext.Current.CancellationToken)))
            .Message.ShouldStartWith("learner.device: 'cuda:900' is not there");
        Task<PolicyEngine> Engine(EngineOptions options) => PolicyEngine.StartAsync(model.Folder, options, TimeProvider.System, NullLogger<PolicyEngine>.Instance);
        (await Should.ThrowAsync<NotSupportedException>(() => Engine(new EngineOptions { Device = "cuda:900" }))).Message.ShouldStartWith("engine.device: 'cuda:900' is not there");
        (await Should.ThrowAsync<NotSupportedException>(() => Engine(new EngineOptions { Device = "cuda", Deterministic = true })))
            .Message.ShouldStartWith("engine.device: 'cuda' cannot be had with engine.deterministic=true");
    }

    [Fact]
    public void Code_that_reads_memory_refuses_a_tensor_that_lives_elsewhere()
    {
        using var elsewhere = empty(2, device: META);
        Should.Throw<InvalidOperationException>(() => ComputeDevice.RequireHost(elsewhere)).Message.ShouldContain("meta");
        using var here = empty(2);
        ComputeDevice.RequireHost(here);
    }

    [Fact]
    public void What_is_sent_comes_back()
    {
        using var scope = NewDisposeScope();
        var device = ComputeDevice.Resolve("auto", "");
        device.Upload([1.5f, -2f]).Floats().ShouldBe([1.5f, -2f]);
        device.Upload([3L, 4L]).Doubles().ShouldBe([3, 4]);
        device.Upload([5, 6]).Doubles().ShouldBe([5, 6]);
        device.Upload(new float[] { 1, 2, 3, 4 }).view(2, 2).t().Floats().ShouldBe([1, 3, 2, 4]);
        device.Upload(Array.Empty<float>()).Floats().ShouldBeEmpty();
    }
}
