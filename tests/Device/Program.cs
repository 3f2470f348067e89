using Axpo.Device;
using Axpo.Training.Devices;

// `axpo-device PART --device cuda --out FOLDER --fixtures FOLDER`: one part a process, since a native fault ends it. Rows go to the screen and to FOLDER/PART.md.
Dictionary<string, Func<Settings, Table, Task>> parts = new(StringComparer.Ordinal)
{
    ["smoke"] = Smoke.RunAsync,
    ["parity"] = Parity.RunAsync,
    ["update"] = UpdateParity.RunAsync,
    ["varlen"] = VariableLengths.RunAsync,
    ["gemm"] = GemmBench.RunAsync,
    ["learner"] = LearnerBench.RunAsync,
    ["engine"] = EngineParity.RunAsync,
    ["decode"] = EngineBench.RunAsync,
};
if (args.Length == 0 || !parts.TryGetValue(args[0], out var part))
{
    Console.Error.WriteLine($"axpo-device: name a part: {string.Join(", ", parts.Keys)}");
    return 2;
}

var settings = Settings.Parse(args[1..]);
var table = new Table(Path.Combine(settings.Out, args[0] + ".md"));
try
{
    _ = ComputeDevice.Resolve(settings.Device, "--device");
    await part(settings, table);
}
catch (Exception e)
{
    Console.Error.WriteLine(e);
    table.Row(args[0], e.GetType().Name + ": " + e.Message.ReplaceLineEndings(" "), "", false);
}

return table.Failures;
