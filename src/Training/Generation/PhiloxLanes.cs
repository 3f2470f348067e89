using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Axpo.Core;

namespace Axpo.Training.Generation;

/// <summary>Sixteen Philox4x32-10 blocks at once: the noise of 64 neighbouring tokens, bit for bit that of <see cref="ChanceKey.Bits"/>.</summary>
internal static unsafe class PhiloxLanes
{
    /// <summary>Tokens of one call.</summary>
    public const int Tokens = 64;

    /// <summary>Writes <c>(bits + 0.5) / 2^32</c> of tokens <paramref name="first"/>.. at a position, rounded to float.</summary>
    /// <param name="key">Key of the sequence.</param>
    /// <param name="position">Position of the token that is sampled.</param>
    /// <param name="first">First token, a multiple of 4.</param>
    /// <param name="uniforms">[64], written in token order.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Uniforms(ChanceKey key, uint position, uint first, float* uniforms)
    {
        // Lane 4k + m computes block 4m + k: after unpacking inside 128-bit lanes the words stand in token order.
        var c0 = Vector512.Create(first >> 2) + Vector512.Create(0u, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        var c1 = Vector512.Create(position);
        var c2 = Vector512.Create((uint)key.Hi);
        var c3 = Vector512.Create((uint)(key.Hi >> 32));
        var k0 = (uint)key.Lo;
        var k1 = (uint)(key.Lo >> 32);
        for (var round = 0; round < 10; round++)
        {
            var (high0, low0) = Multiply(c0, Philox.M0);
            var (high1, low1) = Multiply(c2, Philox.M1);
            (c0, c1, c2, c3) = (high1 ^ c1 ^ Vector512.Create(k0), low1, high0 ^ c3 ^ Vector512.Create(k1), low0);
            k0 += Philox.W0;
            k1 += Philox.W1;
        }

        if (Avx512F.IsSupported)
        {
            var low01 = Avx512F.UnpackLow(c0, c1).AsUInt64();
            var high01 = Avx512F.UnpackHigh(c0, c1).AsUInt64();
            var low23 = Avx512F.UnpackLow(c2, c3).AsUInt64();
            var high23 = Avx512F.UnpackHigh(c2, c3).AsUInt64();
            Unit(Avx512F.UnpackLow(low01, low23).AsUInt32()).Store(uniforms);
            Unit(Avx512F.UnpackHigh(low01, low23).AsUInt32()).Store(uniforms + 16);
            Unit(Avx512F.UnpackLow(high01, high23).AsUInt32()).Store(uniforms + 32);
            Unit(Avx512F.UnpackHigh(high01, high23).AsUInt32()).Store(uniforms + 48);
            return;
        }

        var words = stackalloc float[4 * 16];
        Unit(c0).Store(words);
        Unit(c1).Store(words + 16);
        Unit(c2).Store(words + 32);
        Unit(c3).Store(words + 48);
        for (var lane = 0; lane < 16; lane++)
        {
            var token = 4 * ((4 * (lane & 3)) + (lane >> 2));
            for (var word = 0; word < 4; word++)
            {
                uniforms[token + word] = words[(16 * word) + lane];
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Unit(Vector512<uint> bits) =>
        (Vector512.ConvertToSingle(bits) + Vector512.Create(.5f)) * Vector512.Create(1f / 4294967296f);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<uint> High, Vector512<uint> Low) Multiply(Vector512<uint> a, uint by)
    {
        var mask = Vector512.Create(0xFFFFFFFFUL);
        var factor = Vector512.Create((ulong)by);
        Vector512<ulong> even;
        Vector512<ulong> odd;
        if (Avx512F.IsSupported)
        {
            even = Avx512F.Multiply(a, factor.AsUInt32());
            odd = Avx512F.Multiply((a.AsUInt64() >> 32).AsUInt32(), factor.AsUInt32());
        }
        else
        {
            even = (a.AsUInt64() & mask) * factor;
            odd = (a.AsUInt64() >> 32) * factor;
        }

        return (((even >> 32) | (odd & ~mask)).AsUInt32(), ((even & mask) | (odd << 32)).AsUInt32());
    }
}
