namespace Axpo.Environments.Verifiers;

/// <summary><c>exact</c>: both sides trimmed, compared without regard to case with the answer and with every alias.</summary>
public sealed class ExactVerifier : IVerifier
{
    /// <inheritdoc/>
    public string Name => "exact";

    /// <inheritdoc/>
    public ValueTask<Verdict> VerifyAsync(Question question, string answer, CancellationToken cancellationToken)
    {
        var given = answer.Trim();
        return ValueTask.FromResult(question.Aliases.Append(question.Answer).Any(a => string.Equals(a.Trim(), given, StringComparison.OrdinalIgnoreCase)) ? Verdict.Correct : Verdict.Wrong);
    }
}
