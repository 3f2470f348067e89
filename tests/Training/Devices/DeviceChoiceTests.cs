using System.Text.RegularExpressions;
using Shouldly;
using Xunit;

namespace Axpo.Training.Tests.Devices;

/// <summary>Which device, which copy, when to wait: said in src/Training/Devices only, so that nothing else runs on the CPU by accident. The loader, which comes before everything, is the exception.</summary>
public sealed partial class DeviceChoiceTests
{
    [Fact]
    public void Only_Devices_names_processors_and_accelerators()
    {
        var root = Path.GetFullPath(Path.Combine(Fixtures.Own, "..", "..", "src"));
        var files = Directory.EnumerateFiles(Path.Combine(root, "Training"), "*.cs", SearchOption.AllDirectories)
            .Where(f => !f.Contains("/obj/", StringComparison.Ordinal) && !f.Contains("/bin/", StringComparison.Ordinal)).ToArray();
        files.Length.ShouldBeGreaterThan(50);
        files.Where(f => !f.Contains("/Devices/", StringComparison.Ordinal) && !f.EndsWith("/LibtorchLoader.cs", StringComparison.Ordinal))
            .SelectMany(f => File.ReadLines(f).Select((line, i) => (Place: $"{Path.GetRelativePath(root, f)}:{i + 1}", Code: Comment().Replace(line, ""))))
            .Where(l => Choice().IsMatch(l.Code))
            .Select(l => $"{l.Place}: {l.Code.Trim()}")
            .ShouldBeEmpty();
    }

    [Theory]
    [InlineData("x.cuda()", true)]
    [InlineData("x.cpu().data<float>()", true)]
    [InlineData("zeros(3, device: CPU)", true)]
    [InlineData("torch.CUDA", true)]
    [InlineData("cuda.is_available()", true)]
    [InlineData("x.device_type == DeviceType.CUDA", true)]
    [InlineData("x.pin_memory()", true)]
    [InlineData("ComputeDevice.Cpu", false)]
    [InlineData("device.type == DeviceType.META", false)]
    [InlineData("PaddedCPUs", false)]
    public void What_counts_as_naming_one(string code, bool names) => Choice().IsMatch(code).ShouldBe(names);

    [GeneratedRegex(@"\bCPU\b|\bCUDA\b|\bMPS\b|\bcuda\.\w|\.(cuda|cpu|pin_memory)\(|\bnew Device\(", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Choice();

    /// <summary>Comments, and texts for people.</summary>
    [GeneratedRegex(@"//.*$|""[^""]*""", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Comment();
}
