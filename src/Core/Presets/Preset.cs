using System.Globalization;

namespace Axpo.Core;

/// <summary>A value that a preset sets.</summary>
/// <param name="Path">Key of <see cref="RunConfiguration"/>, for example <c>objective.clipHigh</c>.</param>
/// <param name="Value">The value, of the key's type.</param>
/// <param name="Source">Where it comes from: paper and equation, upstream file, or "ours".</param>
public sealed record PresetValue(string Path, object Value, string Source);

/// <summary>A named set of values over the defaults. Whatever somebody sets wins over it.</summary>
/// <param name="Name">Name as it is written in a configuration.</param>
/// <param name="Summary">One sentence.</param>
/// <param name="Source">Publication or upstream project.</param>
/// <param name="Values">What it sets; everything else stays.</param>
public sealed record Preset(string Name, string Summary, string Source, IReadOnlyList<PresetValue> Values)
{
    /// <summary>A configuration with the values of this preset in it.</summary>
    public RunConfiguration ApplyTo(RunConfiguration configuration) =>
        ConfigurationKey.With(configuration, Values.ToDictionary(v => v.Path, v => (object?)v.Value, StringComparer.Ordinal));

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Name} ({Values.Count} values)");
}
