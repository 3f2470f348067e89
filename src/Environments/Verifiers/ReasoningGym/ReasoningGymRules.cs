using System.Numerics;
using System.Text.Json;

namespace Axpo.Environments.Verifiers.ReasoningGym;

/// <summary>What is right in reasoning-gym's families (its <c>score_answer</c> methods, full score only). Each takes the answer and the candidate.</summary>
internal static class ReasoningGymRules
{
    private const int Figures = 3;
    private static readonly DecimalNumber _one = new(1, 0);

    /// <summary>The same text, untrimmed.</summary>
    public static Verdict SameText(string answer, string candidate) => Right(candidate == answer);

    /// <summary>The same integer, written in any of Python's bases.</summary>
    public static Verdict SameLiteral(string answer, string candidate) =>
        PythonNumbers.TryLiteral(candidate, out var got) ? Right(PythonNumbers.TryLiteral(answer, out var want) && got == want) : Verdict.Malformed;

    /// <summary>The same decimal number.</summary>
    public static Verdict SameDecimal(string answer, string candidate) =>
        PythonNumbers.TryDecimal(candidate, out var got) ? Right(PythonNumbers.TryDecimal(answer, out var want) && DecimalNumber.Compare(got, want) == 0) : Verdict.Malformed;

    /// <summary>The same decimal number; commas are taken away.</summary>
    public static Verdict SameDecimalWithCommas(string answer, string candidate) => SameDecimal(Plain(answer), Plain(candidate));

    /// <summary>The same number when both are rounded to three significant figures, half to even.</summary>
    public static Verdict ThreeFigures(string answer, string candidate) => PythonNumbers.TryDecimal(candidate, out var got)
        ? Right(PythonNumbers.TryDecimal(answer, out var want) && DecimalNumber.Compare(got.Round(Figures), want.Round(Figures)) == 0)
        : Verdict.Malformed;

    /// <summary>The same integer; Yes or No in any case; else the weekday, in its case.</summary>
    public static Verdict Calendar(string answer, string candidate)
    {
        if (PythonNumbers.TryInteger(answer, out var want))
        {
            return PythonNumbers.TryInteger(candidate, out var got) ? Right(got == want) : Verdict.Malformed;
        }

        var comparison = answer is "Yes" or "No" ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;
        return Right(string.Equals(candidate.Trim(), answer, comparison));
    }

    /// <summary>The same prime factors in any order, with <c>×</c> between them.</summary>
    public static Verdict Factors(string answer, string candidate) => Read(candidate) is { } got ? Right(Read(answer) is { } want && got.SequenceEqual(want)) : Verdict.Malformed;

    /// <summary>A list of numbers, in JSON or with single quotes, each within 1 of the answer's, and sorted as the answer is.</summary>
    public static Verdict Sorted(string answer, string candidate)
    {
        if (List(answer) is not { } want || List(candidate) is not { } got)
        {
            return Verdict.Malformed;
        }

        var direction = want.Count > 1 ? Math.Sign(DecimalNumber.Compare(want[^1], want[0])) : 0;
        return Right(
            got.Count == want.Count
            && got.Zip(want).All(p => DecimalNumber.Within(p.First, p.Second, _one))
            && got.Zip(got.Skip(1)).All(p => Math.Sign(DecimalNumber.Compare(p.Second, p.First)) * direction >= 0));
    }

    private static Verdict Right(bool isRight) => isRight ? Verdict.Correct : Verdict.Wrong;

    private static string Plain(string text) => text.Replace(",", "", StringComparison.Ordinal);

    private static List<BigInteger>? Read(string text)
    {
        var factors = new List<BigInteger>();
        foreach (var part in text.Split('×', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (!PythonNumbers.TryInteger(part, out var factor))
            {
                return null;
            }

            factors.Add(factor);
        }

        factors.Sort();
        return factors;
    }

    private static List<DecimalNumber>? List(string text)
    {
        try
        {
            using var json = JsonDocument.Parse(text.Replace('\'', '"'));
            if (json.RootElement.ValueKind != JsonValueKind.Array)
            {
                return null;
            }

            var numbers = new List<DecimalNumber>();
            foreach (var item in json.RootElement.EnumerateArray())
            {
                var written = item.ValueKind switch { JsonValueKind.String => item.GetString()!, JsonValueKind.Number => item.GetRawText(), _ => "" };
                if (!PythonNumbers.TryDecimal(written, out var number))
                {
                    return null;
                }

                numbers.Add(number);
            }

            return numbers;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
