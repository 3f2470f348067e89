using System.Globalization;

namespace Axpo.Environments.Suites.Pictures;

/// <summary>The name of a drawing of a suite: everything that it is made of. Written <c>1-train-2-0123456789abcdef</c>.</summary>
/// <param name="Split">Whose digits it shows.</param>
/// <param name="Horizon">Zooms that it needs.</param>
/// <param name="Seed">Decides everything else.</param>
internal sealed record Drawing(Split Split, int Horizon, ulong Seed)
{
    /// <summary>Version of the drawings: another one draws the same names otherwise.</summary>
    public const int Version = 1;

    /// <summary>The key of chance of the drawing.</summary>
    public ChanceKey Key(string suite) => ChanceKey.Root(Seed).With(suite).With((ulong)Version).With((ulong)Split).With((ulong)Horizon);

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Version}-{Name(Split)}-{Horizon}-{Seed:x16}");

    /// <summary>Reads a name.</summary>
    /// <exception cref="InvalidDataException">It is none of this version.</exception>
    public static Drawing Parse(string suite, string name)
    {
        var parts = name.Split('-');
        if (parts.Length == 4
            && SplitOf(parts[1]) is { } split
            && int.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out var horizon)
            && ulong.TryParse(parts[3], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var seed)
            && new Drawing(split, horizon, seed) is var drawing && drawing.ToString() == name)
        {
            return drawing;
        }

        throw new InvalidDataException($"suite '{suite}' has no drawing '{name}'; they are named {Version}-SPLIT-HORIZON-SEED with train, validation or test, and 16 hexadecimal digits");
    }

    private static Split? SplitOf(string name) => Enum.GetValues<Split>().Cast<Split?>().FirstOrDefault(s => Name(s!.Value) == name);

    private static string Name(Split split) => split switch
    {
        Split.Train => "train",
        Split.Validation => "validation",
        _ => "test",
    };
}
