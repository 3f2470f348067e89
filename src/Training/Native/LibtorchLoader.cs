using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using TorchSharp;

namespace Axpo.Training.Native;

/// <summary>
/// Loads libtorch before TorchSharp touches it. Order: the folder named by <c>AXPO_LIBTORCH</c> (a user's own libtorch, for example the <c>lib</c> folder of a
/// Python torch); the folder that the build wrote into the program's runtime configuration (the NuGet package); the NuGet cache; the program's own folder.
/// libtorch is preloaded, then TorchSharp's binding, patched into a cache folder named by content hash where the system's libstdc++ is older than it asks
/// (docs/decisions/0002-libtorch-loader.md).
/// </summary>
public static partial class LibtorchLoader
{
    /// <summary>Environment variable that names a folder of libtorch.</summary>
    public const string Variable = "AXPO_LIBTORCH";

    private const string NewestVersion = "GLIBCXX_3.4.32";
    private const string PackageFolder = "libtorch-cpu-linux-x64";

    private static readonly Lock Gate = new();
    private static LibtorchReport? _report;

    /// <summary>Loads libtorch once; later calls return at once.</summary>
    /// <exception cref="DllNotFoundException">It cannot be loaded; the message says what was tried and what to do.</exception>
    public static void EnsureLoaded()
    {
        var report = Describe();
        if (!report.Works)
        {
            throw new DllNotFoundException($"libtorch: {report.Error}. {report.Remedy} Tried: {string.Join("; ", report.Tried)}");
        }
    }

    /// <summary>Loads libtorch if that was not done yet, and says how it went.</summary>
    public static LibtorchReport Describe()
    {
        lock (Gate)
        {
            return _report ??= Load();
        }
    }

#pragma warning disable CA2255 // The one library that must run before any of its types touches Torch.
    [ModuleInitializer]
    internal static void LoadEarly() => Describe();
#pragma warning restore CA2255

    private static LibtorchReport Load()
    {
        var tried = new List<string>();
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64)
        {
            // Elsewhere TorchSharp's own packages bring their natives beside the program.
            return new LibtorchReport { Works = true, Tried = ["TorchSharp's own lookup: not Linux x64"] };
        }

        var folder = Find(tried);
        if (folder is null)
        {
            return Failure(tried, null, "no libtorch found", $"Run dotnet restore, or set {Variable} to a folder that holds libtorch.so.");
        }

        try
        {
            KeepMemory();
            WaitAsleep();
            var cuda = Path.Combine(folder, "libtorch_cuda.so");
            var hasCuda = File.Exists(cuda);
            if (hasCuda)
            {
                NativeLibrary.Load(cuda);
            }

            NativeLibrary.Load(Path.Combine(folder, "libtorch.so"));
            var (binding, patched) = Binding(folder, tried);
            NativeLibrary.Load(binding);
            NativeLibrary.SetDllImportResolver(typeof(LibtorchLoader).Assembly, (name, _, _) =>
                name == "torch_cpu" ? NativeLibrary.Load(Path.Combine(folder, "libtorch_cpu.so")) : IntPtr.Zero);
            torch.InitializeDeviceType(hasCuda && torch.cuda.is_available() ? DeviceType.CUDA : DeviceType.CPU);
            return new LibtorchReport
            {
                Works = true,
                Version = Aten.LibtorchVersion().ToString(),
                Folder = folder,
                Tried = tried,
                Binding = binding,
                Patched = patched,
                Cuda = hasCuda,
            };
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException or BadImageFormatException or TypeInitializationException or InvalidDataException or IOException or UnauthorizedAccessException or NotSupportedException)
        {
            return Failure(tried, folder, e.Message, $"Set {Variable} to a folder of libtorch 2.10 or 2.11 that loads on this system.");
        }
    }

    private static LibtorchReport Failure(List<string> tried, string? folder, string error, string remedy) =>
        new() { Works = false, Folder = folder, Tried = tried, Error = error, Remedy = remedy };

    private static string? Find(List<string> tried)
    {
        var asked = Environment.GetEnvironmentVariable(Variable);
        if (!string.IsNullOrEmpty(asked))
        {
            // Asked for by name: nothing else will do.
            return Holds(asked, Variable, tried) ? asked : null;
        }

        var packages = Environment.GetEnvironmentVariable("NUGET_PACKAGES") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        var version = TorchPackageVersion();
        (string? Folder, string Why)[] candidates =
        [
            (AppContext.GetData("Axpo.Libtorch") is string built ? Path.Combine(AppContext.BaseDirectory, built) : null, "the build's package folder"),
            (Path.Combine(packages, PackageFolder, version, "runtimes", "linux-x64", "native"), "the NuGet cache"),
            (AppContext.BaseDirectory, "the program's folder"),
            (Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native"), "the program's runtimes folder"),
        ];
        return candidates.FirstOrDefault(c => c.Folder is not null && Holds(c.Folder, c.Why, tried)).Folder;
    }

    private static string TorchPackageVersion() => AppContext.GetData("Axpo.LibtorchVersion") as string ?? "2.10.0";

    private static bool Holds(string folder, string why, List<string> tried)
    {
        var there = File.Exists(Path.Combine(folder, "libtorch.so"));
        tried.Add($"{folder} ({why}): {(there ? "found" : "no libtorch.so")}");
        return there;
    }

    private static (string Path, bool Patched) Binding(string folder, List<string> tried)
    {
        string[] places =
        [
            Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native", "libLibTorchSharp.so"),
            Path.Combine(AppContext.BaseDirectory, "libLibTorchSharp.so"),
            Path.Combine(folder, "libLibTorchSharp.so"),
        ];
        var original = places.FirstOrDefault(File.Exists)
            ?? throw new DllNotFoundException($"libLibTorchSharp.so is in none of {string.Join(", ", places)}");
        var bytes = File.ReadAllBytes(original);
        var need = new ElfVersionNeed(bytes);
        if (!need.Names.Contains(NewestVersion) || SystemHas(NewestVersion))
        {
            return (original, false);
        }

        var hash = Convert.ToHexStringLower(SHA256.HashData(bytes))[..16];
        var cache = Path.Combine(CacheRoot(), "axpo", "libtorchsharp-" + hash);
        var patched = Path.Combine(cache, "libLibTorchSharp.so");
        if (!File.Exists(patched))
        {
            Directory.CreateDirectory(cache);
            var aside = Path.Combine(cache, $"{Guid.NewGuid():N}.part");
            File.WriteAllBytes(aside, need.Without(NewestVersion));
            File.Move(aside, patched, overwrite: true);
        }

        tried.Add($"{original}: needs {NewestVersion}, which this system's libstdc++ lacks; a relaxed copy is used");
        return (patched, true);
    }

    private static string CacheRoot()
    {
        var asked = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        if (!string.IsNullOrEmpty(asked))
        {
            return asked;
        }

        var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        return string.IsNullOrEmpty(home) ? Path.GetTempPath() : Path.Combine(home, ".cache");
    }

    private static bool SystemHas(string version)
    {
        if (!NativeLibrary.TryLoad("libstdc++.so.6", out var library))
        {
            return false;
        }

        // The marker symbol came with this version node: a library that exports it defines the node.
        var has = version == NewestVersion && NativeLibrary.TryGetExport(library, "_ZSt21ios_base_library_initv", out _);
        NativeLibrary.Free(library);
        return has;
    }

    /// <summary>
    /// glibc gives large tensors back to the kernel at every free; keeping them makes training 9-18% faster here (M_MMAP_MAX = 0, M_TRIM_THRESHOLD = max). What is kept stays in the arena of the thread
    /// that made it, and glibc has up to eight arenas a core: threads that come and go would each leave their largest tensors behind in another one (measured: 397 MiB after 50 training steps, 452 after 500).
    /// With one arena a core (M_ARENA_MAX) that ends.
    /// </summary>
    private static void KeepMemory()
    {
        try
        {
            _ = mallopt(-4, 0);
            _ = mallopt(-1, int.MaxValue);
            _ = mallopt(-8, Environment.ProcessorCount);
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            // Another C library: its allocator keeps its own habits.
            _ = e;
        }
    }

    /// <summary>
    /// OpenMP's threads spin while they wait for each other, which costs a factor of ten as soon as another program wants a core (measured: an update of 3.3 s took 40 s
    /// beside three busy processes). Asleep they cost next to nothing on a quiet machine. A user's own setting stays.
    /// </summary>
    private static void WaitAsleep() => _ = setenv("OMP_WAIT_POLICY", "passive", 0);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int setenv(string name, string value, int overwrite);

    [LibraryImport("libc")]
    private static partial int mallopt(int parameter, int value);
}
