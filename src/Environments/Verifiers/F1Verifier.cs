using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Axpo.Environments.Verifiers;

/// <summary>
/// <c>f1</c>: the harmonic mean of precision and recall over the words that answer and candidate share, after SQuAD's normalisation (lower case, no ASCII punctuation, no articles; Rajpurkar et al. 2016, <c>evaluate-v1.1.py</c>). Right
/// where the best over the answer and its aliases reaches <c>metadata.threshold</c>.
/// </summary>
public sealed class F1Verifier : IVerifier
{
    /// <summary>Name in question files.</summary>
    public const string VerifierName = "f1";

    /// <summary>The entry of a question's metadata that says from which F1 on an answer is right.</summary>
    public const string ThresholdField = "threshold";

    private static readonly string[] _articles = ["a", "an", "the"];

    /// <inheritdoc/>
    public string Name => VerifierName;

    /// <inheritdoc/>
    /// <exception cref="InvalidDataException">The question states no threshold above 0 and at most 1.</exception>
    public ValueTask<Verdict> VerifyAsync(Question question, string answer, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(question);
        using var metadata = JsonDocument.Parse(question.MetadataJson);
        var threshold = ReadThreshold(metadata.RootElement) ?? throw new InvalidDataException($"question '{question.Id}': metadata.{ThresholdField} should be a number above 0 and at most 1");
        return ValueTask.FromResult(question.Aliases.Append(question.Answer).Max(a => Score(a, answer)) >= threshold ? Verdict.Correct : Verdict.Wrong);
    }

    /// <summary>The threshold that a question's metadata states; null: none that is one.</summary>
    internal static double? ReadThreshold(JsonElement metadata) =>
        metadata.ValueKind == JsonValueKind.Object && metadata.TryGetProperty(ThresholdField, out var value) && value.ValueKind == JsonValueKind.Number && value.GetDouble() is > 0 and <= 1 and var threshold ? threshold : null;

    /// <summary>F1 of two texts, 0 to 1; of two texts without a word 1.</summary>
    internal static double Score(string answer, string candidate)
    {
        var (want, got) = (Words(answer), Words(candidate));
        if (want.Length == 0 || got.Length == 0)
        {
            return want.Length == got.Length ? 1 : 0;
        }

        var left = want.GroupBy(w => w, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Count(), StringComparer.Ordinal);
        var shared = got.GroupBy(w => w, StringComparer.Ordinal).Sum(g => Math.Min(g.Count(), left.GetValueOrDefault(g.Key)));
        // 2PR / (P + R) with P = shared / |got| and R = shared / |want|.
        return 2.0 * shared / (want.Length + got.Length);
    }

    private static string[] Words(string text)
    {
        var plain = new StringBuilder(text.Length);
        foreach (var c in text.ToLower(CultureInfo.InvariantCulture).Where(c => !(char.IsAscii(c) && (char.IsPunctuation(c) || char.IsSymbol(c)))))
        {
            plain.Append(char.IsWhiteSpace(c) ? ' ' : c);
        }

        return [.. plain.ToString().Split(' ', StringSplitOptions.RemoveEmptyEntries).Where(w => !_articles.Contains(w))];
    }
}
