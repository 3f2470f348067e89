namespace Axpo.Environments.Questions;

/// <summary>Reads the images of questions: files, images inside Parquet files (<see cref="ParquetImages"/>), and drawings of suites.</summary>
/// <param name="suites">The registered suites.</param>
public sealed class QuestionImages(IEnumerable<ITaskSuite> suites) : IQuestionImages
{
    private const string Scheme = "suite:";

    private readonly Dictionary<string, IImageSuite> _suites = suites.OfType<IImageSuite>().ToDictionary(s => s.Name, StringComparer.Ordinal);

    /// <inheritdoc/>
    public async ValueTask<ReadOnlyMemory<byte>> ReadAsync(string source, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (ParquetImages.IsSource(source))
        {
            return await ParquetImages.ReadAsync(source, cancellationToken);
        }

        if (!source.StartsWith(Scheme, StringComparison.Ordinal))
        {
            // Checked once when the question was loaded; it may have been changed since.
            return await ImageFile.CheckAsync(source, cancellationToken) is { } fault
                ? throw new InvalidDataException($"image '{source}': {fault.Remedy}")
                : await File.ReadAllBytesAsync(source, cancellationToken);
        }

        var name = source[Scheme.Length..];
        var slash = name.IndexOf('/', StringComparison.Ordinal);
        return slash > 0 && _suites.TryGetValue(name[..slash], out var suite)
            ? await Task.Run(() => suite.Render(name[(slash + 1)..]), cancellationToken)
            : throw new InvalidDataException($"image '{source}': no registered suite draws it; those that draw are {string.Join(", ", _suites.Keys.Order(StringComparer.Ordinal))}");
    }
}
