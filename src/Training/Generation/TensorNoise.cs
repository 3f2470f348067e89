using Axpo.Core;
using Axpo.Training.Devices;
using Axpo.Training.Native;
using static TorchSharp.torch;

namespace Axpo.Training.Generation;

/// <summary>
/// The noise of every token of a vocabulary at once, bit for bit that of <see cref="ChanceKey.Bits"/>, by int64 operators on any device: Philox4x32-10 with its four words as two pairs, (c0, c2) that are multiplied and (c1, c3) that are mixed in.
/// A round swaps the places of a pair instead of moving it. Products wrap at 64 bits, and what stands above 32 is cut once a round.
/// </summary>
internal sealed class TensorNoise : IDisposable
{
    /// <summary>Numbers of a row that are uploaded: position, the high half of the key, and the key of each round.</summary>
    public const int RowNumbers = 3 + (2 * Rounds);

    private const int Rounds = 10;

    private readonly int _vocabulary;
    private readonly Tensor _counters;
    private readonly Tensor[] _multipliers;
    private readonly Tensor _half;
    private readonly Tensor _low;

    /// <param name="vocabulary">Size of the vocabulary.</param>
    /// <param name="device">Where.</param>
    public TensorNoise(int vocabulary, Device device)
    {
        _vocabulary = vocabulary;
        using var scope = NewDisposeScope();
        Tensor Numbers(params long[] values) => device.Upload(values).DetachFromDisposeScope();
        _counters = Numbers([.. Enumerable.Range(0, (vocabulary + 3) / 4).Select(i => (long)i)]);
        _multipliers = [.. new[] { Numbers(Philox.M0, Philox.M1), Numbers(Philox.M1, Philox.M0) }.Select(m => m.view(2, 1, 1).DetachFromDisposeScope())];
        _half = Numbers(32);
        _low = Numbers(uint.MaxValue);
    }

    /// <summary>The numbers of a row.</summary>
    /// <param name="key">Key of the sequence.</param>
    /// <param name="position">Position of the token that is drawn.</param>
    public static IEnumerable<long> Row(ChanceKey key, int position)
    {
        yield return position;
        yield return (uint)key.Hi;
        yield return (uint)(key.Hi >> 32);
        var (k0, k1) = ((uint)key.Lo, (uint)(key.Lo >> 32));
        for (var round = 0; round < Rounds; round++)
        {
            // In the order in which the round's pair stands.
            yield return round % 2 == 0 ? k1 : k0;
            yield return round % 2 == 0 ? k0 : k1;
            k0 += Philox.W0;
            k1 += Philox.W1;
        }
    }

    /// <summary>The bits of every token.</summary>
    /// <param name="rows">[<see cref="RowNumbers"/>, n] int64.</param>
    /// <returns>[n, vocabulary] int64, 0 to 2^32 - 1.</returns>
    public Tensor Bits(Tensor rows)
    {
        using var scope = NewDisposeScope();
        var n = rows.size(1);
        var blocks = _counters.size(0);
        var keys = rows.narrow(0, 3, 2 * Rounds).view(Rounds, 2, n, 1);
        var multiplied = stack([_counters.expand(n, blocks), Column(rows, 1, blocks)]);
        var mixed = stack([Column(rows, 0, blocks), Column(rows, 2, blocks)]);
        for (var round = 0; round < Rounds; round++)
        {
            var product = multiplied.mul(_multipliers[round % 2]);
            multiplied.Dispose();
            multiplied = product.bitwise_right_shift(_half);
            multiplied.select(0, 0).bitwise_xor_(mixed.select(0, 1));
            multiplied.select(0, 1).bitwise_xor_(mixed.select(0, 0));
            multiplied.bitwise_xor_(keys.select(0, round)).bitwise_and_(_low);
            mixed.Dispose();
            mixed = product;
        }

        mixed.bitwise_and_(_low);
        var words = stack([multiplied.select(0, 0), mixed.select(0, 0), multiplied.select(0, 1), mixed.select(0, 1)], -1);
        return words.view(n, 4 * blocks).narrow(1, 0, _vocabulary).MoveToOuterDisposeScope();
    }

    /// <summary>A standard Gumbel number for every token, as <see cref="ChanceKey.Gumbel"/>.</summary>
    /// <param name="rows">[<see cref="RowNumbers"/>, n] int64.</param>
    /// <returns>[n, vocabulary] float64.</returns>
    public Tensor Gumbel(Tensor rows)
    {
        using var scope = NewDisposeScope();
        var minusUniform = Bits(rows).to(ScalarType.Float64).Plus(.5);
        minusUniform.MultiplyBy(-1.0 / 4294967296.0);
        return minusUniform.log1p_().neg_().log_().neg_().MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in (Tensor[])[_counters, .. _multipliers, _half, _low])
        {
            tensor.Dispose();
        }
    }

    private static Tensor Column(Tensor rows, int number, long blocks) => rows.select(0, number).unsqueeze(1).expand(rows.size(1), blocks);
}
