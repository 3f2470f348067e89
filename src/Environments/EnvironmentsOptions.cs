using System.ComponentModel.DataAnnotations;
using Axpo.Environments.Tools.Search;

namespace Axpo.Environments;

/// <summary>Options of the shipped suites and of <c>web_search</c>.</summary>
public sealed class EnvironmentsOptions
{
    /// <summary>The search tool.</summary>
    public WebSearchOptions Search { get; set; } = new();

    /// <summary>Shortest chain of <c>fact-chain</c>, until a run asks for another one.</summary>
    /// <value>2</value>
    [Range(2, 8)]
    public int HorizonMin { get; set; } = 2;

    /// <summary>Longest chain of <c>fact-chain</c>, until a run asks for another one.</summary>
    /// <value>4</value>
    [Range(2, 8)]
    public int HorizonMax { get; set; } = 4;
}
