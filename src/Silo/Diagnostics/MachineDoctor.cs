using System.Globalization;
using System.Runtime.InteropServices;
using Axpo.Silo.Storage;
using Axpo.Training.Devices;
using Axpo.Training.Models.Inspection;
using Axpo.Training.Native;

namespace Axpo.Silo.Diagnostics;

/// <summary>Finds out what this machine can do, by doing it: tools are really called, matrices really multiplied, a file is really written.</summary>
/// <param name="folders">Where runs would be stored.</param>
/// <param name="models">Folder of the shipped models.</param>
/// <param name="tools">The tools.</param>
/// <param name="time">Clock.</param>
public sealed class MachineDoctor(RunFolders folders, string models, IReadOnlyCollection<ITool> tools, TimeProvider time)
{
    /// <summary>Name of the check of <see cref="Model"/>.</summary>
    public const string ModelCheck = "model";

    /// <summary>Memory that the quickstart takes at most, bytes.</summary>
    public const long MemoryNeeded = 3L << 30;

    /// <summary>Disk that a short run takes, generously, bytes.</summary>
    public const long DiskNeeded = 1L << 30;

    private static readonly string[] Features = ["avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16"];

    /// <summary>How libtorch was found.</summary>
    public Func<LibtorchReport> Libtorch { get; init; } = LibtorchLoader.Describe;

    /// <summary>A model folder that is looked at too; null: none.</summary>
    public string? Model { get; init; }

    /// <summary>The quickstart's policy with the tools that it needs, and the one that takes its place where they do not work.</summary>
    public static IReadOnlyList<(string Model, string Tool)> Quickstarts { get; } = [("axpo-tiny-gap", "python"), ("axpo-tiny", "web_search")];

    /// <summary>Looks at everything.</summary>
    public async Task<MachineReport> ExamineAsync(CancellationToken cancellationToken)
    {
        var (processor, features) = Processor();
        var root = Existing(folders.Root);
        var facts = new MachineFacts
        {
            Cores = Environment.ProcessorCount,
            MemoryBytes = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
            Processor = processor,
            Features = features,
            Runtime = RuntimeInformation.FrameworkDescription,
            System = $"{RuntimeInformation.OSDescription} {RuntimeInformation.ProcessArchitecture}",
            FreeDiskBytes = new DriveInfo(root).AvailableFreeSpace,
        };
        var libtorch = Libtorch();
        var gemm = libtorch.Works ? await GemmProbe.RunAsync(time, cancellationToken) : null;
        var accelerators = libtorch.Works ? Accelerator.All() : [];
        var found = FindModels();
        var memory = Memory(facts);
        var torch = Torch(libtorch);
        var disk = Disk(facts, root);
        var writable = Writable(root);
        var probed = new List<(string Tool, MachineCheck Check)>();
        foreach (var tool in tools.OrderBy(t => t.Spec.Name, StringComparer.Ordinal))
        {
            probed.Add((tool.Spec.Name, await ToolAsync(tool, cancellationToken)));
        }

        var checks = new List<MachineCheck>
        {
            new("processor", CheckState.Works, $"{facts.Cores} cores, {(processor.Length > 0 ? processor : "unknown")}; {(features.Count > 0 ? string.Join(", ", features) : "no vector features known")}"),
            memory,
            new(".NET", CheckState.Works, $"{facts.Runtime} on {facts.System}"),
            torch,
        };
        if (gemm is not null)
        {
            checks.Add(Products(gemm));
            checks.Add(Devices(accelerators));
        }

        checks.AddRange(probed.Select(p => p.Check));
        checks.Add(found.Count > 0
            ? new MachineCheck("models", CheckState.Works, string.Join(", ", found))
            : new MachineCheck("models", CheckState.Fails, $"none in {models}", "run axpo from a checkout, or make one: axpo sft --recipe gap --out models/axpo-tiny-gap"));
        if (Model is not null && libtorch.Works)
        {
            checks.Add(Examine(Model));
        }

        checks.Add(disk);
        checks.Add(writable);
        var playable = Quickstarts.Any(q => found.Any(f => Path.GetFileName(f) == q.Model) && probed.Any(p => p.Tool == q.Tool && p.Check.State == CheckState.Works));
        return new MachineReport
        {
            Ready = playable && new[] { memory, torch, disk, writable }.All(c => c.State != CheckState.Fails),
            Checks = checks,
            Machine = facts,
            Libtorch = libtorch,
            Gemm = gemm,
            Accelerators = accelerators,
            Models = found,
        };
    }

    private static MachineCheck Memory(MachineFacts facts) => facts.MemoryBytes >= MemoryNeeded
        ? new MachineCheck("memory", CheckState.Works, Gibibytes(facts.MemoryBytes))
        : new MachineCheck("memory", CheckState.Fails, Gibibytes(facts.MemoryBytes), $"the quickstart takes up to {Gibibytes(MemoryNeeded)}: give this machine or container more");

    private static MachineCheck Disk(MachineFacts facts, string root) => facts.FreeDiskBytes >= DiskNeeded
        ? new MachineCheck("disk", CheckState.Works, $"{Gibibytes(facts.FreeDiskBytes)} free at {root}")
        : new MachineCheck("disk", CheckState.Fails, $"{Gibibytes(facts.FreeDiskBytes)} free at {root}", $"a run may take {Gibibytes(DiskNeeded)}: free some, or name another folder with --runs");

    private static MachineCheck Torch(LibtorchReport libtorch) => libtorch.Works
        ? new MachineCheck("libtorch", CheckState.Works, $"{(libtorch.Version is { } version ? $"{version}, " : "")}{(libtorch.Cuda ? "CUDA" : "CPU")}, from {libtorch.Folder ?? "TorchSharp's own"}{(libtorch.Patched ? $"; binding patched for an older libstdc++: {libtorch.Binding}" : "")}")
        : new MachineCheck("libtorch", CheckState.Fails, $"{libtorch.Error}; tried: {string.Join("; ", libtorch.Tried)}", libtorch.Remedy);

    private static MachineCheck Examine(string folder)
    {
        if (!Directory.Exists(folder))
        {
            return new MachineCheck(ModelCheck, CheckState.Fails, $"there is no folder {folder}", "give a Hugging Face folder: --model FOLDER");
        }

        var found = ModelInspector.Inspect(folder);
        return found.IsSupported
            ? new MachineCheck(ModelCheck, CheckState.Works, string.Create(CultureInfo.InvariantCulture, $"{folder}: {found.Architecture!.ModelType}, {found.Architecture.Parameters:#,0} parameters; what memory it takes: axpo models inspect {folder}"))
            : new MachineCheck(ModelCheck, CheckState.Fails, $"{folder}: {string.Join("; ", found.Refusals)}", "docs/models.md says which folders are taken");
    }

    private static MachineCheck Products(GemmReport gemm) => new(
        "matrix products",
        CheckState.Works,
        string.Create(CultureInfo.InvariantCulture, $"float32 {gemm.Float32One:F0} GFLOP/s on 1 thread, {gemm.Float32All:F0} on {gemm.Threads}; bfloat16 {gemm.BFloat16One:F0} and {gemm.BFloat16All:F0} ({gemm.BFloat16Ratio:F2}x: {(gemm.BFloat16Pays ? "pays" : "does not pay")})"));

    private static MachineCheck Devices(IReadOnlyList<Accelerator> accelerators) => new(
        "accelerators",
        CheckState.Works,
        accelerators.Count > 0
            ? string.Join("; ", accelerators.Select(a => $"{a.Setting} {a.Name}{(a.MemoryBytes > 0 ? $" ({Gibibytes(a.MemoryBytes)})" : "")}")) + "; learner.device=auto and engine.device=auto take the first (the engine not with engine.deterministic=true)"
            : "none: engine and learner run on the CPU");

    private static async Task<MachineCheck> ToolAsync(ITool tool, CancellationToken cancellationToken)
    {
        var probe = await tool.ProbeAsync(cancellationToken);
        return new MachineCheck($"tool {tool.Spec.Name}", probe.Works ? CheckState.Works : CheckState.Fails, probe.Detail, probe.Remedy);
    }

    private static string Gibibytes(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 30):F1} GiB");

    internal static (string Name, IReadOnlyList<string> Features) Processor()
    {
        const string Path = "/proc/cpuinfo";
        if (!File.Exists(Path))
        {
            return ("", []);
        }

        var lines = File.ReadAllLines(Path);
        var flags = Value("flags").Split(' ');
        return (Value("model name"), [.. Features.Where(flags.Contains)]);

        string Value(string key) => lines.FirstOrDefault(l => l.StartsWith(key, StringComparison.Ordinal))?.Split(':', 2)[1].Trim() ?? "";
    }

    /// <summary>The nearest folder that exists, from this one upwards.</summary>
    private static string Existing(string path)
    {
        var folder = new DirectoryInfo(Path.GetFullPath(path));
        while (!folder.Exists && folder.Parent is { } parent)
        {
            folder = parent;
        }

        return folder.FullName;
    }

    private MachineCheck Writable(string root)
    {
        var probe = Path.Combine(root, $".axpo-{Guid.NewGuid():N}");
        try
        {
            if (File.Exists(folders.Root))
            {
                return new MachineCheck("runs folder", CheckState.Fails, $"{folders.Root} is a file", "name a folder with --runs");
            }

            File.WriteAllBytes(probe, []);
            File.Delete(probe);
            return new MachineCheck("runs folder", CheckState.Works, $"{Path.GetFullPath(folders.Root)} can be written");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new MachineCheck("runs folder", CheckState.Fails, $"{Path.GetFullPath(folders.Root)} cannot be written: {e.Message}", "change its owner or mode, or name another folder with --runs");
        }
    }

    private List<string> FindModels() => Directory.Exists(models)
        ? [.. Directory.EnumerateDirectories(models).Where(f => File.Exists(Path.Combine(f, "config.json")) && Directory.EnumerateFiles(f, "*.safetensors").Any()).Order(StringComparer.Ordinal)]
        : [];
}
