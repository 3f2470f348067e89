using System.Reflection;
using Shouldly;
using Xunit;

namespace Axpo.Architecture.Tests;

/// <summary>Who may know whom (docs: the house). Arrows point downwards only.</summary>
public sealed class ArrowTests
{
    public static TheoryData<string, string[]> Arrows => new()
    {
        { "Axpo.Core", [] },
        { "Axpo.Grains.Abstractions", ["Axpo.Core"] },
        { "Axpo.Grains", ["Axpo.Core", "Axpo.Grains.Abstractions"] },
        { "Axpo.Environments", ["Axpo.Core", "Axpo.Imaging"] },
        { "Axpo.Imaging", [] },
        { "Axpo.Training", ["Axpo.Core", "Axpo.Imaging"] },
        { "Axpo.Silo", ["Axpo.Core", "Axpo.Grains.Abstractions", "Axpo.Grains", "Axpo.Environments", "Axpo.Training", "Axpo.Imaging"] },
        { "axpo", ["Axpo.Core", "Axpo.Grains.Abstractions", "Axpo.Grains", "Axpo.Environments", "Axpo.Training", "Axpo.Silo"] },
        { "Axpo.Testing", ["Axpo.Core", "Axpo.Grains.Abstractions", "Axpo.Grains"] },
    };

    [Theory]
    [MemberData(nameof(Arrows))]
    public void Arrows_point_downwards_only(string assembly, string[] allowed) =>
        Assemblies.References(assembly).Where(Assemblies.IsOurs).ShouldBeSubsetOf(allowed);

    [Theory]
    [InlineData("Axpo.Core")]
    [InlineData("Axpo.Grains.Abstractions")]
    [InlineData("Axpo.Grains")]
    [InlineData("Axpo.Environments")]
    [InlineData("Axpo.Imaging")]
    [InlineData("Axpo.Testing")]
    public void Torch_is_out_of_reach(string assembly) =>
        Assemblies.Reach(assembly).ShouldNotContain(r => r.Contains("Torch", StringComparison.OrdinalIgnoreCase));

    [Theory]
    [InlineData("axpo")]
    [InlineData("Axpo.Silo")]
    public void Only_Training_names_TorchSharp(string assembly)
    {
        Assemblies.References(assembly).ShouldNotContain(r => r.Contains("Torch", StringComparison.OrdinalIgnoreCase));
        Assemblies.NamedTypes(assembly).ShouldNotContain(t => t.Namespace.StartsWith("TorchSharp", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("axpo")]
    [InlineData("Axpo.Silo")]
    [InlineData("Axpo.Environments")]
    [InlineData("Axpo.Training")]
    public void Only_Imaging_names_SkiaSharp(string assembly) => Assemblies.References(assembly).ShouldNotContain("SkiaSharp");

    [Fact]
    public void Imaging_knows_no_Orleans() => Assemblies.References("Axpo.Imaging").ShouldNotContain(r => r.StartsWith("Orleans", StringComparison.Ordinal));

    [Theory]
    [InlineData("Axpo.Environments")]
    [InlineData("Axpo.Training")]
    public void Environments_and_Training_know_no_Orleans_runtime(string assembly) =>
        Assemblies.References(assembly).Where(r => r.StartsWith("Orleans", StringComparison.Ordinal))
            .ShouldBeSubsetOf(["Orleans.Core.Abstractions", "Orleans.Serialization", "Orleans.Serialization.Abstractions"]);

    [Fact]
    public void Core_takes_of_Orleans_only_the_serialization() =>
        Assemblies.References("Axpo.Core").Where(r => r.StartsWith("Orleans", StringComparison.Ordinal))
            .ShouldBeSubsetOf(["Orleans.Core.Abstractions", "Orleans.Serialization", "Orleans.Serialization.Abstractions"]);

    [Fact]
    public void Grains_touch_no_file_socket_or_process()
    {
        string[] forbidden = ["File", "FileStream", "Directory", "FileInfo", "DirectoryInfo", "Socket", "TcpClient", "HttpClient", "Process", "Thread"];
        Assemblies.NamedTypes("Axpo.Grains").Where(t => t.Namespace is "System.IO" or "System.Net.Sockets" or "System.Net.Http" or "System.Diagnostics" or "System.Threading")
            .Select(t => t.Name).ShouldNotContain(n => forbidden.Contains(n));
    }

    [Fact]
    public void Every_grain_is_sealed()
    {
        var grains = Assemblies.DefinedTypes("Axpo.Grains").Where(t => t.Name.EndsWith("Grain", StringComparison.Ordinal)).ToArray();
        grains.Select(g => g.Name).ShouldBe(["RunGrain", "GroupGrain", "EpisodeGrain", "PolicyGrain", "ToolGrain", "StatelessToolGrain", "TrainerGrain"], ignoreOrder: true);
        grains.ShouldAllBe(g => g.Attributes.HasFlag(TypeAttributes.Sealed));
    }
}
