namespace Axpo.Grains.Episodes;

/// <summary>Infrastructure failed: the attempt is void.</summary>
internal sealed class VoidException(VoidCause cause, string detail, Exception? inner = null) : Exception(detail, inner)
{
    /// <summary>Why.</summary>
    public VoidCause Cause => cause;
}
