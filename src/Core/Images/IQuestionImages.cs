namespace Axpo.Core;

/// <summary>The image files of questions, wherever they come from: a question file's folder, or a suite that draws them. Implemented in Environments.</summary>
public interface IQuestionImages
{
    /// <summary>Reads an image of a question (<see cref="Question.Images"/>).</summary>
    /// <param name="source">A full path, or <c>suite:NAME/DRAWING</c>: see <see cref="IImageSuite"/>.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="InvalidDataException">No suite draws it.</exception>
    ValueTask<ReadOnlyMemory<byte>> ReadAsync(string source, CancellationToken cancellationToken);
}

/// <summary>A suite that draws the images of its questions when they are needed: <see cref="Question.Images"/> names them as <c>suite:NAME/DRAWING</c>.</summary>
public interface IImageSuite : ITaskSuite
{
    /// <summary>Draws an image: a pure function of its argument.</summary>
    /// <param name="drawing">What follows <c>suite:NAME/</c>.</param>
    /// <returns>A PNG file.</returns>
    /// <exception cref="InvalidDataException">The suite has no such drawing.</exception>
    ReadOnlyMemory<byte> Render(string drawing);
}
