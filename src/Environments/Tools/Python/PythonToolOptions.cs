using System.ComponentModel.DataAnnotations;
using Axpo.Environments.Sandbox;

namespace Axpo.Environments.Tools.Python;

/// <summary>Settings of <see cref="PythonTool"/>.</summary>
public sealed class PythonToolOptions
{
    /// <summary>Seconds that a call may take when the policy does not say.</summary>
    /// <value>12</value>
    [Range(1, 3600)]
    public int DefaultTimeoutSeconds { get; set; } = 12;

    /// <summary>Most seconds that the policy may ask for.</summary>
    /// <value>12</value>
    [Range(1, 3600)]
    public int MaxTimeoutSeconds { get; set; } = 12;

    /// <summary>Longest code in bytes.</summary>
    /// <value>32,000</value>
    [Range(1, 60_000)]
    public int MaxCodeBytes { get; set; } = 32_000;

    /// <summary>Sandboxes with a warm interpreter each; sessions go to them in turn.</summary>
    /// <value>2</value>
    [Range(1, 64)]
    public int Sandboxes { get; set; } = 2;

    /// <summary>Limits of a session.</summary>
    public SandboxOptions Sandbox { get; set; } = new();
}
