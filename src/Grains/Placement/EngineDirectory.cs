using Microsoft.Extensions.Options;
using Orleans.Runtime;
using Orleans.Runtime.MembershipService.SiloMetadata;

namespace Axpo.Grains.Placement;

/// <summary>Which engines a run may use now.</summary>
public interface IEngineDirectory
{
    /// <summary>Names of the live engines, in ordinal order; empty while none lives.</summary>
    IReadOnlyList<string> Live { get; }
}

/// <summary>Engines by configuration: of a silo that does everything.</summary>
internal sealed class ConfiguredEngines(IOptions<GrainsOptions> options) : IEngineDirectory
{
    /// <inheritdoc/>
    public IReadOnlyList<string> Live { get; } = [.. options.Value.Engines.Order(StringComparer.Ordinal)];
}

/// <summary>Engines by membership: the live silos of that role, each by its name.</summary>
public sealed class SiloEngines(ISiloStatusOracle membership, ISiloMetadataCache metadata) : IEngineDirectory
{
    /// <inheritdoc/>
    public IReadOnlyList<string> Live =>
    [
        .. membership.GetApproximateSiloStatuses(onlyActive: true).Keys.Select(metadata.GetSiloMetadata)
            .Where(silo => SiloRoles.Has(silo, SiloRoles.Engine)).Select(SiloRoles.NameOf).OfType<string>().Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal),
    ];
}
