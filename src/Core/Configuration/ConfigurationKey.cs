using System.ComponentModel.DataAnnotations;
using System.Reflection;
using System.Text.Json;

namespace Axpo.Core;

/// <summary>
/// A key of <see cref="RunConfiguration"/>, found by reflection: the one schema of configuration file, environment and <c>--set</c>. Keys are the
/// properties' names in camelCase, joined by dots.
/// </summary>
public sealed class ConfigurationKey
{
    private ConfigurationKey(string path, PropertyInfo property, IReadOnlyList<ConfigurationKey> children)
    {
        Path = path;
        Name = JsonNamingPolicy.CamelCase.ConvertName(property.Name);
        Property = property;
        Children = children;
        Checks = [.. property.GetCustomAttributes<ValidationAttribute>()];
        IsNullable = new NullabilityInfoContext().Create(property).WriteState == NullabilityState.Nullable;
    }

    /// <summary>The sections and values of the first level.</summary>
    public static IReadOnlyList<ConfigurationKey> Root { get; } = Of(typeof(RunConfiguration), "");

    /// <summary>Every value, sections left out.</summary>
    public static IReadOnlyList<ConfigurationKey> Values { get; } = [.. Root.SelectMany(k => k.Leaves())];

    /// <summary><c>rollouts.groupSize</c></summary>
    public string Path { get; }

    /// <summary><c>groupSize</c></summary>
    public string Name { get; }

    /// <summary>The keys of a section; empty for a value.</summary>
    public IReadOnlyList<ConfigurationKey> Children { get; }

    /// <summary>Whether it holds keys of its own.</summary>
    public bool IsSection => Children.Count > 0;

    /// <summary>Whether it maps names to numbers.</summary>
    public bool IsMap => Property.PropertyType == typeof(Dictionary<string, double>);

    /// <summary>What a value must hold: bounds, a pattern.</summary>
    public IReadOnlyList<ValidationAttribute> Checks { get; }

    /// <summary>Whether null is a value.</summary>
    public bool IsNullable { get; }

    /// <summary>The property behind it.</summary>
    public PropertyInfo Property { get; }

    /// <summary>What a value looks like: <c>whole number from 1 to 1024</c>.</summary>
    public string Expected
    {
        get
        {
            var type = Property.PropertyType;
            var bounds = Checks.OfType<RangeAttribute>().FirstOrDefault() is { } range ? $" from {Text(range.Minimum)} to {Text(range.Maximum)}" : "";
            return true switch
            {
                _ when IsMap => "names with a number each",
                _ when type.IsEnum => "one of " + string.Join(", ", Names(type)),
                _ when type == typeof(bool) => "true or false",
                _ when type == typeof(int) => "whole number" + bounds,
                _ when type == typeof(ulong) => $"whole number from 0 to {ulong.MaxValue}",
                _ when type == typeof(double) => "number" + bounds,
                _ => IsNullable ? "text or nothing" : "text",
            };
        }
    }

    /// <summary>The value of this key in a configuration.</summary>
    public object? ValueIn(RunConfiguration configuration)
    {
        object? value = configuration;
        var keys = Root;
        foreach (var name in Path.Split('.'))
        {
            var key = keys.First(k => k.Name == name);
            (value, keys) = (key.Property.GetValue(value), key.Children);
        }

        return value;
    }

    /// <summary>A configuration with some values replaced.</summary>
    /// <param name="configuration">The configuration; it stays as it is.</param>
    /// <param name="values">Values of the keys' types by path.</param>
    /// <exception cref="KeyNotFoundException">There is no key of a path.</exception>
    public static RunConfiguration With(RunConfiguration configuration, IReadOnlyDictionary<string, object?> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        var unknown = values.Keys.FirstOrDefault(path => Values.All(k => k.Path != path));
        return unknown is null ? (RunConfiguration)Build(typeof(RunConfiguration), configuration, Root, values) : throw new KeyNotFoundException($"'{unknown}' is no key of a configuration");
    }

    /// <summary>Names of an enumeration's values as they are written.</summary>
    public static IReadOnlyList<string> Names(Type enumeration) => [.. Enum.GetNames(enumeration).Select(JsonNamingPolicy.KebabCaseLower.ConvertName)];

    /// <summary>A value as it is written.</summary>
    public static string Text(object? value) => value switch
    {
        null => "",
        bool b => b ? "true" : "false",
        Enum e => JsonNamingPolicy.KebabCaseLower.ConvertName(e.ToString()),
        Dictionary<string, double> map => string.Join(", ", map.Select(m => $"{m.Key}: {Text(m.Value)}")),
        IFormattable f => f.ToString(null, System.Globalization.CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };

    private static object Build(Type type, object from, IReadOnlyList<ConfigurationKey> keys, IReadOnlyDictionary<string, object?> values)
    {
        var instance = Activator.CreateInstance(type)!;
        foreach (var key in keys)
        {
            var value = key.Property.GetValue(from);
            key.Property.SetValue(instance, key.IsSection ? Build(key.Property.PropertyType, value!, key.Children, values) : values.TryGetValue(key.Path, out var other) ? other : value);
        }

        return instance;
    }

    private IEnumerable<ConfigurationKey> Leaves() => IsSection ? Children.SelectMany(c => c.Leaves()) : [this];

    private static ConfigurationKey[] Of(Type type, string prefix) =>
    [
        .. type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.CanWrite).Select(p =>
        {
            var path = prefix + JsonNamingPolicy.CamelCase.ConvertName(p.Name);
            return new ConfigurationKey(path, p, p.PropertyType.Assembly == typeof(RunConfiguration).Assembly && p.PropertyType.IsClass ? Of(p.PropertyType, path + ".") : []);
        }),
    ];
}
