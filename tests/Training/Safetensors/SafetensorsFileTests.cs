using System.Buffers.Binary;
using System.Text;
using Axpo.Training.Native;
using Axpo.Training.Safetensors;
using CsCheck;
using Shouldly;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Safetensors;

/// <summary>What a safetensors file may be, and what it may not: a clear error each, and never another one.</summary>
public sealed class SafetensorsFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("axpo-safetensors-").FullName;

    static SafetensorsFileTests() => LibtorchLoader.EnsureLoaded();

    private string FilePath => Path.Combine(_folder, "x.safetensors");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void What_is_written_is_read_also_where_a_tensor_stands_at_an_odd_byte()
    {
        using var scope = NewDisposeScope();
        (string Name, Tensor Value)[] tensors =
        [
            ("bytes", tensor(new byte[] { 1, 2, 3 })), ("floats", rand(4, 5)), ("halves", rand(7).to(ScalarType.Float16)), ("brains", rand(2, 2).to(ScalarType.BFloat16)),
            ("none", empty(0, 3)), ("one", tensor(2.5)), ("ids", tensor(new long[] { -1, long.MaxValue })), ("flags", tensor(new[] { true, false })),
        ];
        SafetensorsFile.Write(FilePath, tensors);
        var read = SafetensorsFile.Read(FilePath);
        read.Count.ShouldBe(tensors.Length);
        foreach (var (name, value) in tensors)
        {
            read[name].dtype.ShouldBe(value.dtype);
            read[name].shape.ShouldBe(value.shape);
            read[name].bytes.ToArray().ShouldBe(value.bytes.ToArray(), name);
        }
    }

    [Fact]
    public void What_is_written_to_a_tensor_that_was_read_does_not_reach_the_file()
    {
        using var scope = NewDisposeScope();
        SafetensorsFile.Write(FilePath, [("x", ones(1000))]);
        SafetensorsFile.Read(FilePath)["x"].zero_();
        SafetensorsFile.Read(FilePath)["x"].sum().item<float>().ShouldBe(1000);
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "'b' begins at byte")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[12,20]}}""", 20, "'b' begins at byte")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 12, "the file at")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}""", 16, "no safetensors header")]
    [InlineData("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8, "'a' of shape [3]")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-1,-2],"data_offsets":[0,8]}}""", 8, "'a' of shape [-1, -2]")]
    [InlineData("""{"a":{"dtype":"F32","shape":[9223372036854775807,4],"data_offsets":[0,8]}}""", 8, "no safetensors header")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,9]}}""", 8, "'a' of shape [2]")]
    [InlineData("""{"a":{"dtype":"F4","shape":[2],"data_offsets":[0,8]}}""", 8, "dtype 'F4'")]
    [InlineData("""{"a":{"shape":[2],"data_offsets":[0,8]}}""", 8, "no safetensors header")]
    [InlineData("""{"a":[]}""", 0, "no safetensors header")]
    [InlineData("""[1]""", 0, "no safetensors header")]
    [InlineData("""{"a":""", 0, "no safetensors header")]
    public void A_damaged_header_is_refused(string header, int bytes, string says)
    {
        WriteRaw(Encoding.UTF8.GetBytes(header), bytes);
        Should.Throw<InvalidDataException>(() => SafetensorsFile.Read(FilePath)).Message.ShouldContain(says);
    }

    [Theory]
    [InlineData(long.MaxValue)]
    [InlineData(-1)]
    [InlineData(0)]
    [InlineData(200_000_000)]
    public void A_header_longer_than_the_file_is_refused(long length)
    {
        var bytes = new byte[64];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, length);
        File.WriteAllBytes(FilePath, bytes);
        Should.Throw<InvalidDataException>(() => SafetensorsFile.Read(FilePath)).Message.ShouldContain("header of");
    }

    [Fact]
    public void Whatever_befalls_a_file_it_is_read_or_refused()
    {
        using (var scope = NewDisposeScope())
        {
            SafetensorsFile.Write(FilePath, [("a", rand(3, 2)), ("b", tensor(new byte[] { 7 })), ("c", rand(5).to(ScalarType.Float16))]);
        }

        var whole = File.ReadAllBytes(FilePath);
        var header = (int)BinaryPrimitives.ReadInt64LittleEndian(whole) + 8;
        Gen.Select(Gen.Int[0, 3], Gen.Int[0, header - 1], Gen.Int[0, 7], Gen.Int[0, whole.Length]).Sample(
            (kind, at, bit, length) =>
            {
                var damaged = kind switch
                {
                    0 => whole[..length],
                    1 => [.. whole, .. new byte[length]],
                    _ => [.. whole],
                };
                if (kind >= 2)
                {
                    damaged[at] ^= (byte)(1 << bit);
                    damaged[(at * 7) % header] ^= (byte)(kind == 3 ? 1 << (7 - bit) : 0);
                }

                File.WriteAllBytes(FilePath, damaged);
                using var scope = NewDisposeScope();
                try
                {
                    SafetensorsFile.Read(FilePath).Values.ToList().ForEach(t => t.to(ScalarType.Float64).sum());
                }
                catch (InvalidDataException e)
                {
                    e.Message.ShouldContain(FilePath);
                }
            },
            iter: 2000,
            threads: 1);
    }

    private void WriteRaw(byte[] header, int bytes)
    {
        var file = new byte[8 + header.Length + bytes];
        BinaryPrimitives.WriteInt64LittleEndian(file, header.Length);
        header.CopyTo(file, 8);
        File.WriteAllBytes(FilePath, file);
    }
}
