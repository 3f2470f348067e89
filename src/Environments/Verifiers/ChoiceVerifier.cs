namespace Axpo.Environments.Verifiers;

/// <summary><c>choice</c>: trimmed, compared without regard to case; a candidate that is none of the choices is malformed.</summary>
public sealed class ChoiceVerifier : IVerifier
{
    /// <inheritdoc/>
    public string Name => "choice";

    /// <inheritdoc/>
    public ValueTask<Verdict> VerifyAsync(Question question, string answer, CancellationToken cancellationToken)
    {
        var given = answer.Trim();
        var verdict = Same(question.Answer) ? Verdict.Correct : question.Choices.Any(Same) ? Verdict.Wrong : Verdict.Malformed;
        return ValueTask.FromResult(verdict);

        bool Same(string choice) => string.Equals(choice.Trim(), given, StringComparison.OrdinalIgnoreCase);
    }
}
