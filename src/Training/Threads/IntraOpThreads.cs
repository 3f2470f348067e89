using System.Runtime.InteropServices;
using TorchSharp;

namespace Axpo.Training.Threads;

/// <summary>
/// Intra-op threads of one thread's calls: workers run on one thread each beside a learner that uses all cores. OpenMP and MKL keep the number for each thread, but libtorch initialises a thread's from what any thread of the process set
/// last, at the first operator: whoever had set its own before that lost it again, and with it the order in which a large matrix product adds.
/// </summary>
internal static partial class IntraOpThreads
{
    /// <summary>The calling thread's operators run on itself alone.</summary>
    public static void UseOne() => Use(1);

    /// <summary>The calling thread's operators run on so many threads.</summary>
    /// <param name="threads">Threads.</param>
    public static void Use(int threads)
    {
        // Makes libtorch initialise this thread's number now, so that it does not overwrite ours later.
        _ = torch.get_num_threads();
        try
        {
            OmpSetNumThreads(threads);
            _ = MklSetNumThreadsLocal(threads);
        }
        catch (Exception e) when (e is EntryPointNotFoundException or DllNotFoundException)
        {
            // A libtorch without OpenMP or MKL: its own setting is all there is.
            _ = e;
            torch.set_num_threads(threads);
        }
    }

    [LibraryImport("torch_cpu", EntryPoint = "omp_set_num_threads")]
    private static partial void OmpSetNumThreads(int threads);

    [LibraryImport("torch_cpu", EntryPoint = "MKL_Set_Num_Threads_Local")]
    private static partial int MklSetNumThreadsLocal(int threads);
}
