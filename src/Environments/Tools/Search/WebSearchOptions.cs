using System.ComponentModel.DataAnnotations;

namespace Axpo.Environments.Tools.Search;

/// <summary>Settings of <see cref="WebSearchTool"/>.</summary>
public sealed class WebSearchOptions
{
    /// <summary>Results when the policy does not ask for a number.</summary>
    /// <value>2: small policies have small contexts</value>
    [Range(1, 20)]
    public int DefaultResults { get; set; } = FactIndex.DefaultResults;

    /// <summary>What a query finds.</summary>
    /// <value><see cref="SearchMatch.Any"/></value>
    public SearchMatch Match { get; set; } = SearchMatch.Any;

    /// <summary>Most results that the policy may ask for.</summary>
    /// <value>20</value>
    [Range(1, 100)]
    public int MaxResults { get; set; } = 20;

    /// <summary>Longest query in characters.</summary>
    /// <value>500</value>
    [Range(1, 100_000)]
    public int MaxQueryLength { get; set; } = 500;

    /// <summary>Longest observation in characters; more is cut off with a mark.</summary>
    /// <value>2,000</value>
    [Range(16, 1_000_000)]
    public int MaxOutput { get; set; } = 2000;

    /// <summary>Searches at the same time.</summary>
    /// <value>2</value>
    [Range(1, 256)]
    public int Concurrency { get; set; } = 2;
}
