using Parquet;
using Parquet.Serialization;

namespace Axpo.Environments.Tests.Questions;

/// <summary>Rows as Parquet files hold them: the properties are the columns.</summary>
internal static class ParquetRows
{
    public static async Task WriteAsync<T>(string path, IReadOnlyCollection<T> rows, int groupSize = 1000, CompressionMethod compression = CompressionMethod.Snappy)
        where T : class, new()
    {
        await using var stream = File.Create(path);
        await ParquetSerializer.SerializeAsync(rows, stream, new ParquetOptions { RowGroupSize = groupSize, CompressionMethod = compression }, cancellationToken: TestContext.Current.CancellationToken);
    }

    /// <summary>The columns that every question has.</summary>
    internal class Texts
    {
        public string? id { get; set; } = "a";

        public string? question { get; set; } = "?";

        public string? answer { get; set; } = "1";

        public string? category { get; set; } = "perception";

        public string? suite { get; set; } = "s";

        public string? verifier { get; set; } = "exact";
    }

    internal sealed class Paths : Texts
    {
        public List<string>? images { get; set; }

        public string? metadata { get; set; }
    }

    internal sealed class Image
    {
        public byte[]? bytes { get; set; }

        public string? path { get; set; }
    }

    internal sealed class Pictures : Texts
    {
        public List<Image>? images { get; set; }
    }

    internal sealed class Picture : Texts
    {
        public Image? images { get; set; }
    }

    internal sealed class Blob : Texts
    {
        public byte[]? images { get; set; }
    }

    internal sealed class OneString : Texts
    {
        public string? images { get; set; }
    }

    internal sealed class Meta
    {
        public List<string>? aliases { get; set; }

        public double? tolerance { get; set; }

        public int? hops { get; set; }
    }

    internal sealed class Nested : Texts
    {
        public Meta? metadata { get; set; }
    }

    internal sealed class NumberedAnswers
    {
        public string id { get; set; } = "a";

        public string question { get; set; } = "?";

        public int answer { get; set; } = 4;

        public List<string>? category { get; set; } = ["reasoning"];

        public Meta? suite { get; set; } = new();
    }
}
