using System.Globalization;

namespace Axpo.Training.Tests.Models;

/// <summary>Gathers what differs from a reference, so that one message lists it all; and counts what was compared.</summary>
internal sealed class Mismatches(double tolerance)
{
    public List<string> Found { get; } = [];

    /// <summary>Numbers compared.</summary>
    public int Compared { get; private set; }

    /// <summary>Takes what others gathered.</summary>
    public void Add(IEnumerable<Mismatches> others)
    {
        foreach (var other in others)
        {
            Found.AddRange(other.Found);
            Compared += other.Compared;
        }
    }

    public void Near(string what, double got, double want)
    {
        Compared++;
        if (!(Math.Abs(got - want) <= tolerance))
        {
            Found.Add(string.Create(CultureInfo.InvariantCulture, $"{what}: {got}, expected {want}"));
        }
    }

    public void Near(string what, IReadOnlyList<float> got, IReadOnlyList<double> want)
    {
        Same(what + " count", got.Count, want.Count);
        for (var i = 0; i < Math.Min(got.Count, want.Count); i++)
        {
            Near(string.Create(CultureInfo.InvariantCulture, $"{what}[{i}]"), got[i], want[i]);
        }
    }

    public void Same<T>(string what, T got, T want)
    {
        Compared++;
        if (!Equals(got, want))
        {
            Found.Add(string.Create(CultureInfo.InvariantCulture, $"{what}: {got}, expected {want}"));
        }
    }

    /// <summary>Tokens equal up to where the reference's own choice was a matter of rounding; after that the texts are others.</summary>
    public void SameTokens(string what, IReadOnlyList<int> got, IReadOnlyList<int> want, IReadOnlyList<double> gaps)
    {
        Same(what + " count", got.Count, want.Count);
        for (var i = 0; i < Math.Min(got.Count, want.Count); i++)
        {
            if (got[i] != want[i] && i < gaps.Count && gaps[i] < tolerance)
            {
                return;
            }

            Same(string.Create(CultureInfo.InvariantCulture, $"{what}[{i}]"), got[i], want[i]);
        }
    }
}
