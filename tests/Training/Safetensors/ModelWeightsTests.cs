using Axpo.Training.Native;
using Axpo.Training.Safetensors;
using Shouldly;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Safetensors;

/// <summary>Weights of a folder, in one file and in shards.</summary>
public sealed class ModelWeightsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("axpo-weights-").FullName;
    private readonly DisposeScope _scope;
    private readonly List<(string Name, Tensor Value)> _tensors;

    public ModelWeightsTests()
    {
        LibtorchLoader.EnsureLoaded();
        _scope = NewDisposeScope();
        _tensors = [("a", rand(10)), ("b", rand(5, 5)), ("c", rand(100)), ("d", rand(3))];
    }

    private Dictionary<string, long[]> Shapes => _tensors.ToDictionary(t => t.Name, t => t.Value.shape, StringComparer.Ordinal);

    public void Dispose()
    {
        _scope.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Small_weights_are_one_file() => Written(long.MaxValue).ShouldBe([ModelWeights.FileName]);

    [Fact]
    public void Larger_weights_are_shards_with_an_index()
    {
        // 40, 100, 400 and 12 bytes.
        Written(150).ShouldBe(["model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors"]);
        SafetensorsFile.ReadHeader(Path.Combine(_folder, "model-00001-of-00003.safetensors")).Keys.ShouldBe(["a", "b"]);
        SafetensorsFile.ReadHeader(Path.Combine(_folder, "model-00002-of-00003.safetensors")).Keys.ShouldBe(["c"]);
        File.ReadAllText(Path.Combine(_folder, ModelWeights.IndexName)).ShouldContain("\"total_size\": 552");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(150)]
    [InlineData(long.MaxValue)]
    public void What_was_saved_is_loaded_bit_for_bit(long shardBytes)
    {
        Written(shardBytes);
        var read = ModelWeights.Read(_folder, Shapes, _ => false);
        foreach (var (name, value) in _tensors)
        {
            read[name].bytes.ToArray().ShouldBe(value.bytes.ToArray(), name);
        }
    }

    [Fact]
    public void The_hash_covers_every_shard()
    {
        Written(1);
        var before = ModelWeights.Sha256(_folder);
        var last = ModelWeights.Files(_folder)[^1];
        var bytes = File.ReadAllBytes(last);
        bytes[^1] ^= 1;
        File.WriteAllBytes(last, bytes);
        ModelWeights.Sha256(_folder).ShouldNotBe(before);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void Numbers_that_are_not_finite_are_refused(float value)
    {
        _tensors[2].Value[42] = value;
        Written(long.MaxValue);
        Should.Throw<InvalidDataException>(() => ModelWeights.Read(_folder, Shapes, _ => false)).Message.ShouldContain("'c'");
    }

    [Theory]
    [InlineData("""{"weight_map":{"a":"../secret.safetensors"}}""", "leaves the folder")]
    [InlineData("""{"weight_map":{"a":3}}""", "weight_map")]
    [InlineData("""{"weight_map":{"a":null}}""", "'a'")]
    [InlineData("""{"weight_map":[]}""", "weight_map")]
    [InlineData("""[]""", "weight_map")]
    [InlineData("""{"weight""", "weight_map")]
    public void A_damaged_index_is_refused(string index, string says)
    {
        File.WriteAllText(Path.Combine(_folder, ModelWeights.IndexName), index);
        Should.Throw<InvalidDataException>(() => ModelWeights.Files(_folder)).Message.ShouldContain(says);
    }

    private IEnumerable<string> Written(long shardBytes)
    {
        ModelWeights.Write(_folder, _tensors, shardBytes);
        return ModelWeights.Files(_folder).Select(f => Path.GetFileName(f)!);
    }
}
