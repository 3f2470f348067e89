namespace Axpo.Environments.Verifiers.ReasoningGym;

/// <summary>
/// <c>reasoning_gym:FAMILY</c>: right is what reasoning-gym 0.1.25 gives its full score; its partial credit counts as wrong (docs/questions.md lists the rules). Numbers are read as Python reads them, since that is what its
/// own scores rest on.
/// </summary>
public sealed class ReasoningGymVerifier : IVerifier
{
    private const string Prefix = "reasoning_gym:";

    private static readonly SortedDictionary<string, Func<string, string, Verdict>> _rules = new(StringComparer.Ordinal)
    {
        ["base_conversion"] = ReasoningGymRules.SameText,
        ["basic_arithmetic"] = ReasoningGymRules.SameText,
        ["bitwise_arithmetic"] = ReasoningGymRules.SameLiteral,
        ["calendar_arithmetic"] = ReasoningGymRules.Calendar,
        ["chain_sum"] = ReasoningGymRules.SameDecimalWithCommas,
        ["count_bits"] = ReasoningGymRules.SameText,
        ["decimal_chain_sum"] = ReasoningGymRules.SameDecimal,
        ["gcd"] = ReasoningGymRules.SameText,
        ["lcm"] = ReasoningGymRules.SameText,
        ["letter_counting"] = ReasoningGymRules.SameText,
        ["number_sorting"] = ReasoningGymRules.Sorted,
        ["power_function"] = ReasoningGymRules.ThreeFigures,
        ["prime_factorization"] = ReasoningGymRules.Factors,
        ["products"] = ReasoningGymRules.SameDecimalWithCommas,
        ["simple_equations"] = ReasoningGymRules.SameText,
    };

    private readonly Func<string, string, Verdict> _rule;

    /// <summary>Creates the verifier of a family.</summary>
    /// <param name="family">Name of the family, of <see cref="Families"/>.</param>
    /// <exception cref="KeyNotFoundException">There is no rule for it.</exception>
    public ReasoningGymVerifier(string family)
    {
        _rule = _rules.TryGetValue(family, out var rule) ? rule : throw new KeyNotFoundException($"reasoning_gym: there is no rule for the family '{family}'; one of {string.Join(", ", Families)}");
        Name = Prefix + family;
    }

    /// <summary>Families with a rule, in order.</summary>
    public static IReadOnlyCollection<string> Families => _rules.Keys;

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public ValueTask<Verdict> VerifyAsync(Question question, string answer, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(question);
        return ValueTask.FromResult(_rule(question.Answer, answer));
    }
}
