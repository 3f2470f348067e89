using Axpo.Environments.Questions;

namespace Axpo.Environments.Images;

/// <summary>The images of questions: files by their full path, images inside Parquet files (<see cref="ParquetImages"/>), drawings of suites as <c>suite:NAME/DRAWING</c>.</summary>
/// <param name="suites">The registered suites.</param>
public sealed class QuestionImages(IEnumerable<ITaskSuite> suites) : IQuestionImages
{
    private const string Scheme = "suite:";

    private readonly Dictionary<string, IImageSuite> _suites = suites.OfType<IImageSuite>().ToDictionary(s => s.Name, StringComparer.Ordinal);

    /// <inheritdoc/>
    public async ValueTask<ReadOnlyMemory<byte>> ReadAsync(string source, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(source);
        return ParquetImages.IsSource(source) ? await ParquetImages.ReadAsync(source, cancellationToken)
            : source.StartsWith(Scheme, StringComparison.Ordinal) ? await Task.Run(() => Draw(source), cancellationToken)
            : await ReadFileAsync(source, cancellationToken);
    }

    private ReadOnlyMemory<byte> Draw(string source)
    {
        var slash = source.IndexOf('/', StringComparison.Ordinal);
        if (slash < 0)
        {
            throw new InvalidDataException($"image '{source}': should be {Scheme}NAME/DRAWING");
        }

        return _suites.TryGetValue(source[Scheme.Length..slash], out var suite)
            ? suite.Render(source[(slash + 1)..])
            : throw new InvalidDataException($"image '{source}': there is no suite '{source[Scheme.Length..slash]}' that draws; those that do are {string.Join(", ", _suites.Keys.Order(StringComparer.Ordinal))}");
    }

    private static async Task<ReadOnlyMemory<byte>> ReadFileAsync(string path, CancellationToken cancellationToken)
    {
        if (!Path.IsPathFullyQualified(path))
        {
            throw new InvalidDataException($"image '{path}': should be a full path or {Scheme}NAME/DRAWING");
        }

        try
        {
            // Pipes and devices have length 0 too: they are never opened.
            var length = new FileInfo(path).Length;
            if (length is 0 or > ImageFile.MaxBytes)
            {
                throw new IOException(length == 0 ? $"image '{path}': it is empty, or no plain file" : $"image '{path}': {length} bytes; at most {ImageFile.MaxBytes} are read");
            }

            await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1, FileOptions.Asynchronous);
            var bytes = new byte[length];
            await file.ReadExactlyAsync(bytes, cancellationToken);
            return bytes;
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException($"image '{path}': {e.Message}", e);
        }
    }
}
