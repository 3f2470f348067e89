using System.Globalization;
using Axpo.Training.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Devices;

/// <summary>
/// The one place that chooses devices: what is there, which of them a setting means, and how to wait for one. Everything runs on a device's default stream, as TorchSharp has no other;
/// copies to and from a device are <see cref="Transfers"/>.
/// </summary>
public static class ComputeDevice
{
    /// <summary>The setting that takes the first CUDA device, and the CPU where there is none.</summary>
    public const string Auto = "auto";

    /// <summary>The setting that takes the processor.</summary>
    public const string Processor = "cpu";

    /// <summary><see cref="ScratchBytes"/> of a CUDA device.</summary>
    internal const long CudaScratchBytes = 1L << 30;

    private const string Cuda = "cuda";

    /// <summary>The processor.</summary>
    public static Device Cpu => CPU;

    /// <summary>CUDA devices that libtorch sees.</summary>
    public static int CudaCount
    {
        get
        {
            LibtorchLoader.EnsureLoaded();
            return HasCudaLibtorch && cuda.is_available() ? cuda.device_count() : 0;
        }
    }

    private static bool HasCudaLibtorch => LibtorchLoader.Describe() is { Cuda: true } or { Folder: null };

    /// <summary>The device that a setting means.</summary>
    /// <param name="setting"><c>auto</c>, <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</param>
    /// <param name="key">Configuration key of the setting, for the message.</param>
    /// <exception cref="NotSupportedException">The device is not there; the message says why and what to do.</exception>
    public static Device Resolve(string setting, string key)
    {
        var count = setting == Processor ? 0 : CudaCount;
        if (WhyNot(setting, count, HasCudaLibtorch) is { } why)
        {
            throw new NotSupportedException($"{key}: '{setting}' {why}");
        }

        return setting == Processor || (setting == Auto && count == 0) ? CPU : new Device(DeviceType.CUDA, Index(setting) ?? 0);
    }

    /// <summary>The device that a setting means here, as a setting: <c>cpu</c> or <c>cuda:N</c>.</summary>
    /// <param name="setting"><c>auto</c>, <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>, one that can be had.</param>
    public static string Settle(string setting) => setting == Processor || (setting == Auto && CudaCount == 0) ? Processor : string.Create(CultureInfo.InvariantCulture, $"{Cuda}:{Index(setting) ?? 0}");

    /// <summary>Why a setting cannot be had here, and what to do; null if it can.</summary>
    /// <param name="setting"><c>auto</c>, <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</param>
    /// <exception cref="DllNotFoundException">libtorch cannot be loaded.</exception>
    public static string? WhyNot(string setting) => setting is Auto or Processor ? null : WhyNot(setting, CudaCount, HasCudaLibtorch);

    /// <summary>Whether a setting asks for CUDA by name.</summary>
    public static bool AsksForCuda(string setting) => setting.StartsWith(Cuda, StringComparison.Ordinal);

    /// <summary>Bytes that an operation's large intermediates should take at most: what stays in a processor's caches and memory without harm, and enough to fill a CUDA device.</summary>
    public static long ScratchBytes(Device device) => IsHost(device) ? 64L << 20 : CudaScratchBytes;

    /// <summary>To a multiple of what sequences are filled up for attention, so that near lengths share a call; 1: they are not.</summary>
    public static int LengthStep(Device device) => IsHost(device) ? 1 : 64;

    /// <summary>Rows of a square matrix whose product takes long enough to be timed by the clock.</summary>
    public static int ProbeSize(Device device) => IsHost(device) ? 512 : 4096;

    /// <summary>Waits until everything asked of a device so far is done; on the CPU it is.</summary>
    public static void Synchronize(Device device)
    {
        if (device.type == DeviceType.CUDA)
        {
            cuda.synchronize(device);
        }
    }

    /// <summary>Whether this process may read a tensor's memory directly.</summary>
    public static bool IsHost(Tensor tensor) => tensor.device_type == DeviceType.CPU;

    /// <summary>Whether a device is the processor.</summary>
    public static bool IsHost(Device device) => device.type == DeviceType.CPU;

    /// <summary>Tensors whose memory this process may read directly.</summary>
    /// <exception cref="InvalidOperationException">The tensor lives on another device.</exception>
    public static void RequireHost(Tensor tensor)
    {
        if (!IsHost(tensor))
        {
            throw new InvalidOperationException($"a tensor on {tensor.device} was handed to code that reads memory of the CPU");
        }
    }

    /// <summary><see cref="WhyNot(string)"/> on a machine with so many CUDA devices.</summary>
    internal static string? WhyNot(string setting, int count, bool hasCudaLibtorch)
    {
        if (setting is Auto or Processor)
        {
            return null;
        }

        if (!AsksForCuda(setting) || (setting.Length > Cuda.Length && Index(setting) is null))
        {
            return "is no device; use auto, cpu, cuda or cuda:N";
        }

        if (!hasCudaLibtorch)
        {
            return $"is not there: this libtorch is built for the CPU; set {LibtorchLoader.Variable} to the folder of a CUDA libtorch, or use auto or cpu";
        }

        return count == 0
            ? "is not there: libtorch is built for CUDA but sees no device (look at nvidia-smi and the driver); use auto or cpu"
            : Index(setting) is { } index && index >= count
                ? string.Create(CultureInfo.InvariantCulture, $"is not there: the last one is cuda:{count - 1}")
                : null;
    }

    private static int? Index(string setting) =>
        setting.Length > Cuda.Length + 1 && setting[Cuda.Length] == ':' && int.TryParse(setting.AsSpan(Cuda.Length + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var index) ? index : null;
}
