using System.Runtime.InteropServices;
using System.Text;

namespace Axpo.Training.Devices;

/// <summary>A CUDA device.</summary>
/// <param name="Setting">What to write in a configuration: <c>cuda:0</c>.</param>
/// <param name="Name">Name that the driver gives; empty if it does not say.</param>
/// <param name="MemoryBytes">Memory, bytes; 0 if the driver does not say.</param>
public sealed partial record Accelerator(string Setting, string Name, long MemoryBytes)
{
    /// <summary>Every CUDA device that libtorch sees.</summary>
    public static IReadOnlyList<Accelerator> All() => [.. Enumerable.Range(0, ComputeDevice.CudaCount).Select(Describe)];

    private static Accelerator Describe(int index)
    {
        var setting = FormattableString.Invariant($"cuda:{index}");
        try
        {
            var name = new byte[256];
            if (cuDeviceGet(out var device, index) != 0 || cuDeviceGetName(name, name.Length, device) != 0 || cuDeviceTotalMem(out var bytes, device) != 0)
            {
                return new Accelerator(setting, "", 0);
            }

            return new Accelerator(setting, Encoding.UTF8.GetString(name.AsSpan(0, Math.Max(0, Array.IndexOf(name, (byte)0)))), (long)bytes);
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            // The driver's library goes by another name here; libtorch has found it.
            return new Accelerator(setting, "", 0);
        }
    }

    [LibraryImport("libcuda.so.1")]
    private static partial int cuDeviceGet(out int device, int ordinal);

    [LibraryImport("libcuda.so.1")]
    private static partial int cuDeviceGetName([Out] byte[] name, int length, int device);

    [LibraryImport("libcuda.so.1", EntryPoint = "cuDeviceTotalMem_v2")]
    private static partial int cuDeviceTotalMem(out nuint bytes, int device);
}
