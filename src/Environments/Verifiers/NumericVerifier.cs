using System.Globalization;
using System.Numerics;

namespace Axpo.Environments.Verifiers;

/// <summary>
/// <c>numeric</c>: trimmed, thousands commas taken away, read as an invariant decimal number; equal, or within the tolerance. Exact arithmetic on
/// integers and powers of ten: answers have up to 40 digits.
/// </summary>
public sealed class NumericVerifier : IVerifier
{
    private const int MaxLength = 1000;
    private const int MaxExponent = 1000;

    /// <inheritdoc/>
    public string Name => "numeric";

    /// <summary>Whether a text is a number by these rules.</summary>
    public static bool IsNumber(string text) => TryRead(text, out _);

    /// <inheritdoc/>
    public ValueTask<Verdict> VerifyAsync(Question question, string answer, CancellationToken cancellationToken)
    {
        if (!TryRead(question.Answer, out var want))
        {
            throw new InvalidDataException($"question '{question.Id}': its answer '{question.Answer}' is no number");
        }

        if (!TryRead(answer, out var got))
        {
            return ValueTask.FromResult(Verdict.Malformed);
        }

        var tolerance = DecimalNumber.Zero;
        if (question.Tolerance is { } text && !TryRead(text, out tolerance))
        {
            throw new InvalidDataException($"question '{question.Id}': its tolerance '{text}' is no number");
        }

        return ValueTask.FromResult(DecimalNumber.Within(got, want, tolerance) ? Verdict.Correct : Verdict.Wrong);
    }

    private static bool TryRead(string text, out DecimalNumber number)
    {
        number = DecimalNumber.Zero;
        text = text.Trim().Replace(",", "", StringComparison.Ordinal);
        if (text.Length is 0 or > MaxLength)
        {
            return false;
        }

        var exponent = 0;
        var e = text.IndexOfAny(['e', 'E']);
        if (e >= 0)
        {
            if (!int.TryParse(text.AsSpan(e + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out exponent) || exponent is < -MaxExponent or > MaxExponent)
            {
                return false;
            }

            text = text[..e];
        }

        var sign = text.Length > 0 && text[0] is '+' or '-' ? text[..1] : "";
        var digits = text[sign.Length..];
        var point = digits.IndexOf('.', StringComparison.Ordinal);
        var fraction = point < 0 ? 0 : digits.Length - point - 1;
        digits = digits.Replace(".", "", StringComparison.Ordinal);
        if (digits.Length == 0 || !digits.All(char.IsAsciiDigit) || (point >= 0 && text.Count(c => c == '.') != 1))
        {
            return false;
        }

        number = new DecimalNumber(BigInteger.Parse(sign + digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture), exponent - fraction);
        return true;
    }
}
