namespace Axpo.Environments.Sandbox;

/// <summary>Which sandbox works here: tried with a real <c>print(1)</c>, presence is not enough.</summary>
/// <param name="Strategy">The strategy that works; null if none does.</param>
/// <param name="Python">The interpreter.</param>
/// <param name="Tried">What happened to each strategy.</param>
public sealed record SandboxProbe(string? Strategy, string Python, IReadOnlyList<string> Tried)
{
    /// <summary>What to install where nothing works.</summary>
    public const string Remedy = "Install bubblewrap and python3 (Debian: apt-get install bubblewrap python3), or run as root with util-linux; unprivileged users need user namespaces (docs/sandbox.md).";
}
