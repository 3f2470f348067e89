using System.Diagnostics;
using System.Globalization;
using Axpo.Bench;
using Axpo.Training.Native;

if (args is [LoadedMemory.Verb, var loaded, var loader])
{
    LibtorchLoader.EnsureLoaded();
    Console.Out.Write(LoadedMemory.Measure(loaded, loader));
    return 0;
}

if (args is [PictureMemory.Verb, var image, var way])
{
    Console.Out.Write(PictureMemory.Measure(image, way));
    return 0;
}

// One markdown table: `dotnet run -c Release --project bench -- NAME... [--model FOLDER]`; without a name all of them run.
var option = Array.IndexOf(args, "--model");
if (option >= 0 && option + 1 == args.Length)
{
    Console.Error.WriteLine("bench: --model wants a model folder");
    return 2;
}

var model = option < 0 ? null : args[option + 1];
Dictionary<string, Func<Task<IReadOnlyList<Row>>>> benchmarks = new(StringComparer.Ordinal)
{
    ["engine"] = EngineBench.RunAsync,
    ["attention"] = AttentionBench.RunAsync,
    ["prefill"] = PrefillBench.RunAsync,
    ["context"] = ContextBench.RunAsync,
    ["forks"] = ForkBench.RunAsync,
    ["differing"] = DifferingBench.RunAsync,
    ["kv"] = KvBench.RunAsync,
    ["publish"] = PublishBench.RunAsync,
    ["tool-wait"] = ToolWaitBench.RunAsync,
    ["vision"] = VisionBench.RunAsync,
    ["products"] = ProductBench.RunAsync,
    ["sampler"] = SamplerBench.RunAsync,
    ["learner"] = LearnerBench.RunAsync,
    ["pytorch"] = PytorchBench.RunAsync,
    ["trl"] = TrlBench.RunAsync,
    ["smollm2"] = () => PretrainedBench.RunAsync(model),
    ["grains"] = GrainBench.RunAsync,
    ["load"] = LoadBench.RunAsync,
    ["tool-faults"] = ToolFaultBench.RunAsync,
    ["objectives"] = ObjectiveBench.RunAsync,
    ["soak"] = SoakBench.RunAsync,
};
string[] asked = option < 0 ? args : [.. args[..option], .. args[(option + 2)..]];
string[] names = asked.Length > 0 ? asked : [.. benchmarks.Keys];
if (names.FirstOrDefault(n => !benchmarks.ContainsKey(n)) is { } unknown)
{
    Console.Error.WriteLine($"bench: '{unknown}' is not known; there are {string.Join(", ", benchmarks.Keys)}");
    return 2;
}

LibtorchLoader.EnsureLoaded();
var table = new ResultTable(args);
var rows = new List<Row>();
var failed = false;
foreach (var name in names)
{
    var clock = Stopwatch.StartNew();
    try
    {
        var own = await benchmarks[name]();
        rows.AddRange(own);
        own.ToList().ForEach(row => Console.Error.WriteLine(ResultTable.Line(row)));
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"bench: {name} took {clock.Elapsed.TotalSeconds:F0} s"));
    }
    catch (Exception e)
    {
        // The others still count.
        Console.Error.WriteLine($"bench: {name} failed: {e}");
        rows.Add(Row.Absent(name, $"failed: {e.Message}", ""));
        failed = true;
    }
}

table.Print(Console.Out, rows);
return failed ? 1 : 0;
