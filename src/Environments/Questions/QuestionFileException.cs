using System.Globalization;

namespace Axpo.Environments.Questions;

/// <summary>One fault of a file of questions.</summary>
/// <param name="Fault">Class.</param>
/// <param name="Line">Line or row from 1, blank lines counted; null if it concerns the whole file.</param>
/// <param name="Id">The question's id; null if unknown.</param>
/// <param name="Field">Field, for example <c>metadata.choices</c>; empty if it concerns the whole line or file.</param>
/// <param name="Value">Its value, shortened; empty if there is none.</param>
/// <param name="Remedy">What is wrong and what would be right.</param>
public sealed record QuestionProblem(QuestionFault Fault, int? Line, string? Id, string Field, string Value, string Remedy)
{
    /// <summary>What <see cref="Line"/> counts: <c>line</c>, or <c>row</c> in a Parquet file.</summary>
    public string Unit { get; init; } = "line";

    /// <summary>For example <c>line 2, question 'q2': answer: 'four': no number; ...</c>.</summary>
    public override string ToString()
    {
        var place = (Line is { } line ? string.Create(CultureInfo.InvariantCulture, $"{Unit} {line}") : "")
            + (Id is null ? "" : Line is null ? $"question '{Id}'" : $", question '{Id}'");
        return string.Join(": ", new[] { place, Field, Value.Length == 0 ? "" : $"'{Value}'", Remedy }.Where(p => p.Length > 0));
    }
}

/// <summary>A file of questions is refused; nothing of it is used.</summary>
public sealed class QuestionFileException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="path">The file.</param>
    /// <param name="problems">At least one problem, in order of lines.</param>
    /// <param name="isAll">Whether these are all; false if reading stopped at the limit.</param>
    public QuestionFileException(string path, IReadOnlyList<QuestionProblem> problems, bool isAll = true)
        : base($"{path}: {string.Join(Environment.NewLine + "  ", problems)}{(isAll ? "" : Environment.NewLine + "  (reading stopped here; there may be more)")}")
    {
        FilePath = path;
        Problems = problems;
    }

    /// <summary>The file.</summary>
    public string FilePath { get; }

    /// <summary>What is wrong.</summary>
    public IReadOnlyList<QuestionProblem> Problems { get; }
}
