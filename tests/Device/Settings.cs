using Axpo.Training.Devices;

namespace Axpo.Device;

/// <summary>What the program was asked for.</summary>
/// <param name="Device">Device to check.</param>
/// <param name="OnTensors">Whether the engine takes the path of devices: on the processor with <c>--device cpu-tensor</c> only.</param>
/// <param name="Out">Folder of the tables.</param>
/// <param name="Fixtures">Folder of the reference numbers.</param>
/// <param name="Small">Whether benchmarks take small shapes: to try the program itself.</param>
internal sealed record Settings(string Device, bool OnTensors, string Out, string Fixtures, bool Small)
{
    /// <summary>The device.</summary>
    public TorchSharp.torch.Device Target => ComputeDevice.Resolve(Device, "--device");

    /// <summary>Reads the arguments.</summary>
    public static Settings Parse(string[] args)
    {
        string Value(string name, string otherwise) => Array.IndexOf(args, name) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : otherwise;
        const string Tensors = "cpu-tensor";
        var device = Value("--device", ComputeDevice.Auto);
        var settings = new Settings(device == Tensors ? ComputeDevice.Processor : device, device != ComputeDevice.Processor, Value("--out", "."), Value("--fixtures", Path.Combine("tests", "fixtures")), args.Contains("--small"));
        Directory.CreateDirectory(settings.Out);
        return settings;
    }
}
