using System.Numerics;

namespace Axpo.Environments.Verifiers;

/// <summary>A decimal number of any length, <c>Digits * 10^Exponent</c>, computed with exactly.</summary>
internal readonly record struct DecimalNumber(BigInteger Digits, int Exponent)
{
    /// <summary>0.</summary>
    public static DecimalNumber Zero => new(BigInteger.Zero, 0);

    /// <summary>Whether two numbers differ by at most a tolerance.</summary>
    public static bool Within(DecimalNumber a, DecimalNumber b, DecimalNumber tolerance)
    {
        var exponent = Math.Min(a.Exponent, Math.Min(b.Exponent, tolerance.Exponent));
        return BigInteger.Abs(a.At(exponent) - b.At(exponent)) <= tolerance.At(exponent);
    }

    /// <summary>Below 0, 0 or above 0 as the first number is smaller than the second, equal to it or larger.</summary>
    public static int Compare(DecimalNumber a, DecimalNumber b)
    {
        var exponent = Math.Min(a.Exponent, b.Exponent);
        return a.At(exponent).CompareTo(b.At(exponent));
    }

    /// <summary>The number rounded to so many significant figures, half to even.</summary>
    public DecimalNumber Round(int figures)
    {
        var length = BigInteger.Abs(Digits).ToString(System.Globalization.CultureInfo.InvariantCulture).Length;
        if (length <= figures)
        {
            return this;
        }

        var unit = BigInteger.Pow(10, length - figures);
        var quotient = BigInteger.DivRem(BigInteger.Abs(Digits), unit, out var rest);
        var half = (2 * rest).CompareTo(unit);
        if (half > 0 || (half == 0 && !quotient.IsEven))
        {
            quotient++;
        }

        return new DecimalNumber(Digits.Sign * quotient, Exponent + length - figures);
    }

    private BigInteger At(int exponent) => Digits * BigInteger.Pow(10, Exponent - exponent);
}
