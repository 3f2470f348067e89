using Axpo.Training.Devices;
using Axpo.Training.Native;
using static TorchSharp.torch;

namespace Axpo.Training.Kernels;

/// <summary>Memory of tensors for kernels that read and write it directly. A pointer is good for as long as its tensor is.</summary>
internal static unsafe class HostMemory
{
    /// <summary>Elements of a contiguous float32 tensor of the CPU.</summary>
    /// <exception cref="InvalidOperationException">The tensor lives elsewhere, has another type, or is not contiguous.</exception>
    public static float* Floats(Tensor tensor) => (float*)Elements(tensor, ScalarType.Float32);

    /// <summary>Elements of a contiguous int64 tensor of the CPU.</summary>
    /// <exception cref="InvalidOperationException">The tensor lives elsewhere, has another type, or is not contiguous.</exception>
    public static long* Integers(Tensor tensor) => (long*)Elements(tensor, ScalarType.Int64);

    private static void* Elements(Tensor tensor, ScalarType type)
    {
        ComputeDevice.RequireHost(tensor);
        if (tensor.dtype != type || !tensor.is_contiguous())
        {
            throw new InvalidOperationException($"a kernel takes contiguous {type}, not {tensor.dtype}{(tensor.is_contiguous() ? "" : ", strided")}");
        }

        return Aten.Data(tensor);
    }
}
