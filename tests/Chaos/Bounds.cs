namespace Axpo.Chaos.Tests;

/// <summary>Liveness bounds: each at least ten times what is expected on two quiet cores. A test that meets one names what did not come.</summary>
internal static class Bounds
{
    /// <summary>A silo is up some seconds after its process began.</summary>
    public static readonly TimeSpan SiloUp = TimeSpan.FromMinutes(2);

    /// <summary>Something is stored every second or so; after a death that the others must find out, within some 15 s.</summary>
    public static readonly TimeSpan Progress = TimeSpan.FromMinutes(3);

    /// <summary>A run of the tests takes half a minute undisturbed.</summary>
    public static readonly TimeSpan Run = TimeSpan.FromMinutes(15);

    /// <summary>A process that was killed is gone at once.</summary>
    public static readonly TimeSpan Gone = TimeSpan.FromMinutes(1);
}
