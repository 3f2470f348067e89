using Orleans.Metadata;
using Orleans.Placement;
using Orleans.Runtime;
using Orleans.Runtime.MembershipService.SiloMetadata;
using Orleans.Runtime.Placement;

namespace Axpo.Grains.Placement;

/// <summary>A grain lives on silos of a role only. Orleans' own metadata filters compare with the calling silo, which is no help for "go to an engine".</summary>
/// <param name="role">The role.</param>
/// <param name="byName">Whether the grain's key is <c>{run}/{silo name}</c> and it lives on that silo alone.</param>
[AttributeUsage(AttributeTargets.Class)]
public sealed class SiloRoleAttribute(string role, bool byName = false) : PlacementFilterAttribute(new RoleFilter(role, byName));

/// <summary>The filter behind <see cref="SiloRoleAttribute"/>.</summary>
public sealed class RoleFilter(string role, bool byName) : PlacementFilterStrategy(0)
{
    private const string RoleProperty = "axpo-role";
    private const string ByNameProperty = "axpo-by-name";

    /// <summary>Read from a grain type's properties.</summary>
    public RoleFilter()
        : this("", false)
    {
    }

    /// <summary>The role.</summary>
    public string Role { get; private set; } = role;

    /// <summary>Whether the key names the silo.</summary>
    public bool ByName { get; private set; } = byName;

    /// <inheritdoc/>
    public override void AdditionalInitialize(GrainProperties properties)
    {
        Role = GetPlacementFilterGrainProperty(RoleProperty, properties) ?? throw new ArgumentException($"the grain type has no property '{RoleProperty}'", nameof(properties));
        ByName = GetPlacementFilterGrainProperty(ByNameProperty, properties) == bool.TrueString;
    }

    /// <inheritdoc/>
    protected override IEnumerable<KeyValuePair<string, string>> GetAdditionalGrainProperties(
        IServiceProvider services, Type grainClass, GrainType grainType, IReadOnlyDictionary<string, string> existingProperties) =>
        [new(RoleProperty, Role), new(ByNameProperty, ByName.ToString())];
}

/// <summary>Keeps the silos that a grain may live on; without silo metadata, as in an embedded silo, all of them.</summary>
internal sealed class RoleFilterDirector(ISiloMetadataCache? metadata = null) : IPlacementFilterDirector
{
    /// <inheritdoc/>
    public IEnumerable<SiloAddress> Filter(PlacementFilterStrategy filterStrategy, PlacementTarget target, IEnumerable<SiloAddress> silos)
    {
        if (metadata is null)
        {
            return silos;
        }

        var filter = (RoleFilter)filterStrategy;
        var named = filter.ByName ? target.GrainIdentity.Key.ToString()!.Split('/')[^1] : null;
        return silos.Where(silo =>
        {
            var facts = metadata.GetSiloMetadata(silo);
            return SiloRoles.Has(facts, filter.Role) && (named is null || (SiloRoles.NameOf(facts) ?? named) == named);
        });
    }
}
