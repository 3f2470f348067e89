using System.Security.Cryptography;
using Axpo.Silo.Storage;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Storage;

public sealed class FileHashesTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Weights_are_known_by_their_file_or_by_all_their_shards()
    {
        using var folder = new TempFolder();
        byte[] first = [1, 2, 3];
        await File.WriteAllBytesAsync(Path.Combine(folder.Path, "optimizer.safetensors"), [9], Token);
        await File.WriteAllBytesAsync(Path.Combine(folder.Path, "model-00001-of-00002.safetensors"), first, Token);
        (await FileHashes.OfWeightsAsync(folder.Path, Token)).ShouldBe(Convert.ToHexStringLower(SHA256.HashData(first)));
        await File.WriteAllBytesAsync(Path.Combine(folder.Path, "model-00002-of-00002.safetensors"), [4], Token);
        (await FileHashes.OfWeightsAsync(folder.Path, Token)).ShouldBe(Convert.ToHexStringLower(SHA256.HashData([1, 2, 3, 4])));
    }
}
