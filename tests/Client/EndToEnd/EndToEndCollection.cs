using Xunit;

namespace Axpo.Client.Tests.EndToEnd;

/// <summary>Whole runs use every core: they run one after another, beside nothing else.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class EndToEndCollection
{
    public const string Name = "end to end";
}
