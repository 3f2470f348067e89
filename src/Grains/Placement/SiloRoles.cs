using Orleans.Runtime.MembershipService.SiloMetadata;

namespace Axpo.Grains.Placement;

/// <summary>What a silo does, told to the others as silo metadata. A silo without such metadata does everything (the embedded one).</summary>
public static class SiloRoles
{
    /// <summary>Runs, groups, episodes and tools live here.</summary>
    public const string Episodes = "episodes";

    /// <summary>Generates.</summary>
    public const string Engine = "engine";

    /// <summary>Updates weights.</summary>
    public const string Trainer = "trainer";

    /// <summary>Metadata key of the roles, joined by commas.</summary>
    public const string RolesKey = "axpo.roles";

    /// <summary>Metadata key of the silo's name, by which its engine is addressed.</summary>
    public const string NameKey = "axpo.name";

    /// <summary>Every role.</summary>
    public static IReadOnlyList<string> All { get; } = [Episodes, Engine, Trainer];

    /// <summary>Metadata of a silo.</summary>
    public static Dictionary<string, string> Metadata(string name, IEnumerable<string> roles) => new(StringComparer.Ordinal)
    {
        [NameKey] = name,
        [RolesKey] = string.Join(',', roles),
    };

    /// <summary>Whether a silo has a role.</summary>
    public static bool Has(SiloMetadata silo, string role) => !silo.Metadata.TryGetValue(RolesKey, out var roles) || roles.Split(',').Contains(role, StringComparer.Ordinal);

    /// <summary>Name of a silo; null: it has none.</summary>
    public static string? NameOf(SiloMetadata silo) => silo.Metadata.GetValueOrDefault(NameKey);
}
