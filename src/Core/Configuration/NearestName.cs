namespace Axpo.Core;

/// <summary>The known name that somebody probably meant, for error messages.</summary>
public static class NearestName
{
    private const int Longest = 64;

    /// <summary>The known name with the fewest edits (Levenshtein, case ignored), if they are few; ties by order of the names.</summary>
    public static string? Of(string name, IEnumerable<string> known)
    {
        var best = (Name: (string?)null, Edits: int.MaxValue);
        foreach (var candidate in known.Order(StringComparer.Ordinal).Where(c => c.Length <= Longest && name.Length <= Longest))
        {
            var edits = Edits(name.ToUpperInvariant(), candidate.ToUpperInvariant());
            if (edits < best.Edits && edits <= Math.Max(2, candidate.Length / 2))
            {
                best = (candidate, edits);
            }
        }

        return best.Name;
    }

    /// <summary>The end of a message: <c>; did you mean 'fact'? there are arithmetic, fact</c>.</summary>
    public static string Hint(string name, IReadOnlyCollection<string> known) =>
        (Of(name, known) is { } near ? $"; did you mean '{near}'?" : ";") + (known.Count == 0 ? " there are none" : " there are " + string.Join(", ", known.Order(StringComparer.Ordinal)));

    private static int Edits(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var (diagonal, left) = (row[0], i);
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                left = Math.Min(Math.Min(left, row[j]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
                (diagonal, row[j]) = (row[j], left);
            }
        }

        return row[^1];
    }
}
