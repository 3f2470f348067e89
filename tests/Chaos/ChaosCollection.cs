namespace Axpo.Chaos.Tests;

/// <summary>Clusters use every core: one after another.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class ChaosCollection
{
    public const string Name = "chaos";
}
