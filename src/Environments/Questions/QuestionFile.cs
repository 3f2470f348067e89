using System.Globalization;
using System.Text.Json;
using System.Text.Unicode;

namespace Axpo.Environments.Questions;

/// <summary>
/// Files of questions: JSONL, one object a line, or Parquet, one row a question (docs/questions.md). A file is loaded whole or refused with every fault that was found, up to <see cref="MaxProblems"/>.
/// </summary>
public static class QuestionFile
{
    /// <summary>Faults after which reading stops.</summary>
    public const int MaxProblems = 20;

    /// <summary>Most bytes of a line: a question travels inside messages, which stay under 64 KB.</summary>
    public const int MaxLineBytes = 48 << 10;

    private static readonly byte[] _bom = [0xEF, 0xBB, 0xBF];
    private static readonly byte[] _gzip = [0x1F, 0x8B];

    /// <summary>Reads a file. Images are found and checked; <see cref="Question.Images"/> holds their full paths, or where they lie in a Parquet file (<see cref="ParquetImages"/>).</summary>
    /// <param name="path">The file; images lie in its folder.</param>
    /// <param name="verifiers">Names of the registered verifiers.</param>
    /// <param name="cancellationToken">Ends reading.</param>
    /// <returns>Questions in the order of the file; at least one.</returns>
    /// <exception cref="QuestionFileException">Something is wrong with it; nothing of it is used.</exception>
    public static Task<IReadOnlyList<Question>> ReadAsync(string path, IReadOnlyCollection<string> verifiers, CancellationToken cancellationToken) => ReadAsync(path, verifiers, MaxProblems, cancellationToken);

    /// <summary>The same, with another limit of faults.</summary>
    /// <param name="path">The file; images lie in its folder.</param>
    /// <param name="verifiers">Names of the registered verifiers.</param>
    /// <param name="most">Faults after which reading stops.</param>
    /// <param name="cancellationToken">Ends reading.</param>
    /// <returns>Questions in the order of the file; at least one.</returns>
    /// <exception cref="QuestionFileException">Something is wrong with it; nothing of it is used.</exception>
    public static async Task<IReadOnlyList<Question>> ReadAsync(string path, IReadOnlyCollection<string> verifiers, int most, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(verifiers);
        var problems = new List<QuestionProblem>();
        var questions = new List<Question>();
        var reader = new QuestionReader(Path.GetDirectoryName(Path.GetFullPath(path))!, verifiers, problems);
        try
        {
            if (ParquetQuestions.IsParquet(path))
            {
                return await ParquetQuestions.ReadAsync(path, verifiers, most, cancellationToken);
            }

            await using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1, FileOptions.Asynchronous | FileOptions.SequentialScan);
            await foreach (var (number, bytes, isOver) in LineReader.ReadAsync(stream, cancellationToken))
            {
                if (problems.Count >= most)
                {
                    throw new QuestionFileException(path, problems, isAll: false);
                }

                if (Parse(number, bytes, isOver, problems, out var isHopeless) is { } document)
                {
                    using (document)
                    {
                        if (await reader.ReadAsync(number, document.RootElement, cancellationToken) is { } question)
                        {
                            questions.Add(question);
                        }
                    }
                }

                if (isHopeless)
                {
                    break;
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            var what = e is FileNotFoundException or DirectoryNotFoundException ? "there is no such file" : Directory.Exists(path) ? "it is a folder; give a .jsonl or .parquet file in it" : e.Message;
            throw new QuestionFileException(path, [new(QuestionFault.Unreadable, null, null, "", "", what)]);
        }

        if (problems.Count == 0 && questions.Count == 0)
        {
            problems.Add(new(QuestionFault.Empty, null, null, "", "", "it holds no question; one JSON object a line is needed"));
        }

        return problems.Count == 0 ? questions : throw new QuestionFileException(path, problems);
    }

    /// <summary>Refuses questions with images, by name: for policies that read text only.</summary>
    /// <param name="path">The file that the questions come from.</param>
    /// <param name="questions">Its questions.</param>
    /// <exception cref="QuestionFileException">There is a question with images.</exception>
    public static void RequireText(string path, IReadOnlyList<Question> questions)
    {
        ArgumentNullException.ThrowIfNull(questions);
        var refused = questions.Where(q => q.Images.Length > 0)
            .Select(q => new QuestionProblem(QuestionFault.ImageRefused, null, q.Id, "images", Path.GetFileName(q.Images[0]), "this policy reads text only; take the question out, or choose a policy that sees"))
            .ToArray();
        if (refused.Length > 0)
        {
            throw new QuestionFileException(path, [.. refused.Take(MaxProblems)], refused.Length <= MaxProblems);
        }
    }

    /// <summary>The JSON of a line; null if it is blank or faulty.</summary>
    private static JsonDocument? Parse(int number, ReadOnlyMemory<byte> bytes, bool isOver, List<QuestionProblem> problems, out bool isHopeless)
    {
        isHopeless = false;
        if (isOver)
        {
            Add(QuestionFault.TooLong, TooLong(LineReader.MaxBytes, "more than "));
            return null;
        }

        if (number == 1 && bytes.Span.StartsWith(_bom))
        {
            bytes = bytes[_bom.Length..];
        }

        if (!Utf8.IsValid(bytes.Span))
        {
            var isGzip = bytes.Span.StartsWith(_gzip);
            var isUtf16 = bytes.Span is [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..];
            isHopeless = number == 1 && (isGzip || isUtf16);
            Add(QuestionFault.Encoding, isHopeless ? $"the file is {(isGzip ? "a gzip archive; unpack it" : "UTF-16; save it as UTF-8")}" : "not UTF-8; save the file as UTF-8");
            return null;
        }

        if (bytes.Span.IndexOfAnyExcept(" \t\r"u8) < 0)
        {
            return null;
        }

        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(bytes);
        }
        catch (JsonException e)
        {
            var detail = e.Message.Split(" LineNumber:")[0].TrimEnd('.');
            Add(QuestionFault.Json, string.Create(CultureInfo.InvariantCulture, $"not one JSON object on one line, at byte {e.BytePositionInLine}: {detail}"));
            return null;
        }

        if (bytes.Length > MaxLineBytes)
        {
            document.Dispose();
            Add(QuestionFault.TooLong, TooLong(bytes.Length, ""));
            return null;
        }

        return document;

        void Add(QuestionFault fault, string remedy) => problems.Add(new(fault, number, null, "", "", remedy));

        static string TooLong(int length, string more) =>
            string.Create(CultureInfo.InvariantCulture, $"the line has {more}{length} bytes; at most {MaxLineBytes} are admitted for a question with its metadata");
    }
}
