using System.Globalization;
using System.Numerics;
using System.Text;

namespace Axpo.Environments.Verifiers.ReasoningGym;

/// <summary>Numbers as Python's <c>int</c> and <c>Decimal</c> read them: any script's digits, underscores between digits, surrounding white space.</summary>
internal static class PythonNumbers
{
    private const int MaxLength = 1000;
    private const int MaxExponent = 1000;

    /// <summary><c>int(text)</c>.</summary>
    public static bool TryInteger(string text, out BigInteger value)
    {
        value = default;
        return TrySigned(text, out var sign, out var digits) && TryDigits(digits, 10, out value) && Sign(ref value, sign);
    }

    /// <summary><c>int(text, 0)</c>: with 0x, 0o or 0b before it, or plain decimal without leading zeros.</summary>
    public static bool TryLiteral(string text, out BigInteger value)
    {
        value = default;
        if (!TrySigned(text, out var sign, out var digits))
        {
            return false;
        }

        var radix = digits.Length > 1 && digits[0] == '0' ? char.ToLowerInvariant(digits[1]) switch { 'x' => 16, 'o' => 8, 'b' => 2, _ => 10 } : 10;
        if (radix != 10)
        {
            digits = digits[(digits.Length > 2 && digits[2] == '_' ? 3 : 2)..];
        }

        return TryDigits(digits, radix, out value) && (radix != 10 || digits[0] != '0' || value.IsZero) && Sign(ref value, sign);
    }

    /// <summary><c>Decimal(text)</c>, finite ones only, with exponents up to 1,000.</summary>
    public static bool TryDecimal(string text, out DecimalNumber value)
    {
        value = default;
        if (!TrySigned(text.Replace("_", "", StringComparison.Ordinal), out var sign, out var rest))
        {
            return false;
        }

        var exponent = 0;
        var e = rest.IndexOfAny(['e', 'E']);
        if (e >= 0)
        {
            if (!TryInteger(rest[(e + 1)..], out var power) || BigInteger.Abs(power) > MaxExponent || rest[e + 1] == ' ')
            {
                return false;
            }

            (exponent, rest) = ((int)power, rest[..e]);
        }

        var point = rest.IndexOf('.', StringComparison.Ordinal);
        var fraction = point < 0 ? 0 : rest.Length - point - 1;
        if (!TryDigits(point < 0 ? rest : rest.Remove(point, 1), 10, out var digits) || !Sign(ref digits, sign))
        {
            return false;
        }

        value = new DecimalNumber(digits, exponent - fraction);
        return true;
    }

    private static bool TrySigned(string text, out int sign, out string rest)
    {
        rest = text.Trim();
        sign = rest.Length > 0 && rest[0] == '-' ? -1 : 1;
        rest = rest.Length > 0 && rest[0] is '+' or '-' ? rest[1..] : rest;
        return rest.Length is > 0 and <= MaxLength;
    }

    private static bool TryDigits(string text, int radix, out BigInteger value)
    {
        value = BigInteger.Zero;
        var before = false;
        foreach (var rune in text.EnumerateRunes())
        {
            var digit = Digit(rune);
            if (rune.Value == '_' ? !before : digit < 0 || digit >= radix)
            {
                return false;
            }

            before = rune.Value != '_';
            value = before ? (value * radix) + digit : value;
        }

        return before;
    }

    private static int Digit(Rune rune)
    {
        if (rune.IsAscii)
        {
            return char.IsAsciiHexDigit((char)rune.Value) ? Convert.ToInt32(rune.ToString(), 16) : -1;
        }

        var value = Rune.GetUnicodeCategory(rune) == UnicodeCategory.DecimalDigitNumber ? Rune.GetNumericValue(rune) : -1;
        return value is >= 0 and <= 9 ? (int)value : -1;
    }

    private static bool Sign(ref BigInteger value, int sign)
    {
        value *= sign;
        return true;
    }
}
