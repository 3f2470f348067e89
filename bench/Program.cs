using Axpo.Bench;

// One row a benchmark: `dotnet run -c Release --project bench -- NAME...`; without a name all of them run.
Dictionary<string, Func<Task>> benchmarks = new(StringComparer.Ordinal)
{
    ["engine"] = EngineBench.RunAsync,
    ["grains"] = GrainBench.RunAsync,
    ["learner"] = LearnerBench.RunAsync,
    ["load"] = LoadBench.RunAsync,
    ["tool-faults"] = ToolFaultBench.RunAsync,
    ["objectives"] = ObjectiveBench.RunAsync,
};
foreach (var name in args.Length > 0 ? args : [.. benchmarks.Keys])
{
    if (!benchmarks.TryGetValue(name, out var run))
    {
        Console.Error.WriteLine($"bench: '{name}' is not known; there are {string.Join(", ", benchmarks.Keys)}");
        return 2;
    }

    await run();
}

return 0;
