using Axpo.Training.Models;
using static TorchSharp.torch;

namespace Axpo.Training.Generation;

/// <summary>
/// Head and sampler of a worker: the vocabulary goes through the head in tiles, into one buffer, and each tile's logits are drawn from before the next tile overwrites them. So the logits of a large vocabulary
/// are never all in memory, and those that are drawn from are still in the cache.
/// </summary>
internal sealed unsafe class TokenHead
{
    /// <summary>Tokens of the vocabulary in a tile; a multiple of what the noise is made for at once.</summary>
    public const int Tile = 128 * PhiloxLanes.Tokens;

    private readonly int _vocabulary;
    private readonly TokenSampler _sampler;
    private readonly List<TokenDraw> _rows = [];

    /// <param name="vocabulary">Size of the vocabulary.</param>
    public TokenHead(int vocabulary) => (_vocabulary, _sampler) = (vocabulary, new TokenSampler(vocabulary, Math.Min(vocabulary, Tile)));

    /// <summary>Samples a token for each row that stands for a piece of work; results and errors go to the share.</summary>
    /// <param name="decoder">The policy.</param>
    /// <param name="hidden">Hidden states; rows beyond the pieces of work are computed and ignored.</param>
    /// <param name="share">The share.</param>
    /// <param name="work">Index in the share of each row's piece of work.</param>
    public void Sample(Decoder decoder, Tensor hidden, StepShare share, ReadOnlySpan<int> work)
    {
        using var scope = NewDisposeScope();
        var rows = hidden.shape[0];
        var buffer = empty(rows * Math.Min(_vocabulary, Tile));
        Begin(share, work);
        for (var first = 0; first < _vocabulary; first += Tile)
        {
            var count = Math.Min(Tile, _vocabulary - first);
            var logits = buffer.narrow(0, 0, rows * count).view(rows, count);
            decoder.LogitsInto(logits, hidden, first);
            var values = (float*)System.Runtime.CompilerServices.Unsafe.AsPointer(ref System.Runtime.InteropServices.MemoryMarshal.GetReference(logits.bytes));
            for (var i = 0; i < work.Length; i++)
            {
                if (share.Errors[work[i]] is null)
                {
                    Take(share, work[i], _rows[i], new ReadOnlySpan<float>(values + ((long)i * count), count), first);
                }
            }
        }
    }

    private void Begin(StepShare share, ReadOnlySpan<int> work)
    {
        for (var i = 0; i < work.Length; i++)
        {
            if (i == _rows.Count)
            {
                _rows.Add(new TokenDraw());
            }

            var sequence = share.Work[work[i]].Sequence;
            _rows[i].Begin(sequence.Request.Sampling, sequence.Request.Chance, sequence.Session!.Tokens.Count, _vocabulary);
        }
    }

    private void Take(StepShare share, int work, TokenDraw row, ReadOnlySpan<float> logits, int first)
    {
        try
        {
            _sampler.Take(row, logits, first);
            if (first + logits.Length == _vocabulary)
            {
                share.Sampled[work] = TokenSampler.End(row);
            }
        }
        catch (ArithmeticException e)
        {
            share.Errors[work] = e.Message;
        }
    }
}
