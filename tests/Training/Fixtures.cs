using System.Text.Json.Nodes;
using Axpo.Training.Safetensors;
using Shouldly;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Tests;

/// <summary>Reference numbers: the folder named by AXPO_FIXTURES, else the repository's own copy.</summary>
public static class Fixtures
{
    public static string Own { get; } = FindOwn();

    public static string Root => Environment.GetEnvironmentVariable("AXPO_FIXTURES") is { Length: > 0 } asked ? asked : Own;

    public static JsonObject Json(string path) => JsonNode.Parse(File.ReadAllText(path))!.AsObject();

    public static Dictionary<string, Tensor> Tensors(string path) => SafetensorsFile.Read(path);

    /// <summary>Rows of a float64 matrix.</summary>
    public static double[][] Grid(Tensor values)
    {
        var (flat, width) = (values.data<double>().ToArray(), (int)values.shape[1]);
        return [.. Enumerable.Range(0, (int)values.shape[0]).Select(i => flat[(i * width)..((i + 1) * width)])];
    }

    /// <summary>Largest absolute difference.</summary>
    public static double Difference(Tensor got, Tensor want)
    {
        got.shape.ShouldBe(want.shape);
        return (got.to(ScalarType.Float64) - want.to(ScalarType.Float64)).abs().max().ToDouble();
    }

    private static string FindOwn()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var fixtures = Path.Combine(folder.FullName, "tests", "fixtures");
            if (Directory.Exists(fixtures))
            {
                return fixtures;
            }
        }

        throw new DirectoryNotFoundException("tests/fixtures is not above the test program");
    }
}
