using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Devices;

/// <summary>
/// Copies between managed memory and devices. To CUDA they go through pinned memory and do not wait: libtorch's pool of pinned memory keeps a block until its copy is done. Reading waits for the
/// device, so callers read as seldom as they can.
/// </summary>
public static class Transfers
{
    /// <summary>A tensor [n] int64 on a device.</summary>
    public static Tensor Upload(this Device device, long[] values) => Send(device, tensor(values));

    /// <summary>A tensor [n] int32 on a device.</summary>
    public static Tensor Upload(this Device device, int[] values) => Send(device, tensor(values));

    /// <summary>A tensor [n] float32 on a device.</summary>
    public static Tensor Upload(this Device device, float[] values) => Send(device, tensor(values));

    /// <summary>A tensor [n] float64 on a device.</summary>
    public static Tensor Upload(this Device device, double[] values) => Send(device, tensor(values));

    /// <summary>The values of a float32 tensor, in order.</summary>
    public static float[] Floats(this Tensor values) => Read<float>(values, ScalarType.Float32);

    /// <summary>The values of a tensor as float64, in order.</summary>
    public static double[] Doubles(this Tensor values) => Read<double>(values, ScalarType.Float64);

    /// <summary>The tensor, without its history, in memory that this process may read; shared where it is there already.</summary>
    public static Tensor ToHost(this Tensor value) => value.detach().cpu().contiguous();

    private static Tensor Send(Device device, Tensor host)
    {
        if (device.type == DeviceType.CPU)
        {
            return host;
        }

        using (host)
        {
            if (device.type != DeviceType.CUDA)
            {
                return host.to(device);
            }

            using var pinned = host.pin_memory();
            var sent = empty(host.shape, host.dtype, device);
            sent.copy_(pinned, true);
            return sent;
        }
    }

    private static T[] Read<T>(Tensor values, ScalarType type)
        where T : unmanaged
    {
        using var scope = NewDisposeScope();
        return MemoryMarshal.Cast<byte, T>(values.detach().to(type, CPU).contiguous().bytes).ToArray();
    }
}
