namespace Axpo.Core;

/// <summary>Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011).</summary>
public static class Philox
{
    /// <summary>Round multiplier of words 0 and 1.</summary>
    public const uint M0 = 0xD2511F53;

    /// <summary>Round multiplier of words 2 and 3.</summary>
    public const uint M1 = 0xCD9E8D57;

    /// <summary>Weyl increment of key word 0.</summary>
    public const uint W0 = 0x9E3779B9;

    /// <summary>Weyl increment of key word 1.</summary>
    public const uint W1 = 0xBB67AE85;

    /// <summary>One block: four words for a counter of four words and a key of two.</summary>
    public static (uint X0, uint X1, uint X2, uint X3) Block(uint c0, uint c1, uint c2, uint c3, uint k0, uint k1)
    {
        for (var round = 0; round < 10; round++)
        {
            var p0 = (ulong)M0 * c0;
            var p1 = (ulong)M1 * c2;
            (c0, c1, c2, c3) = ((uint)(p1 >> 32) ^ c1 ^ k0, (uint)p1, (uint)(p0 >> 32) ^ c3 ^ k1, (uint)p0);
            k0 += W0;
            k1 += W1;
        }

        return (c0, c1, c2, c3);
    }
}
