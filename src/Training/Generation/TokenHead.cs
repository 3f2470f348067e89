using Axpo.Training.Kernels;
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
    private readonly List<float> _forced = [];

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
        var rows = hidden.size(0);
        var buffer = empty(rows * Math.Min(_vocabulary, Tile));
        Begin(share, work);
        for (var first = 0; first < _vocabulary; first += Tile)
        {
            var count = Math.Min(Tile, _vocabulary - first);
            var logits = buffer.narrow(0, 0, rows * count).view(rows, count);
            decoder.LogitsInto(logits, hidden, first);
            var values = HostMemory.Floats(logits);
            for (var i = 0; i < work.Length; i++)
            {
                if (share.Errors[work[i]] is null)
                {
                    Take(share, work[i], i, new ReadOnlySpan<float>(values + ((long)i * count), count), first);
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
                _forced.Add(0);
            }

            var sequence = share.Work[work[i]].Sequence;
            _rows[i].Begin(sequence.Request.Sampling, sequence.Request.Chance, sequence.Session!.Tokens.Count, _vocabulary);
        }
    }

    private void Take(StepShare share, int work, int i, ReadOnlySpan<float> logits, int first)
    {
        var (row, forced) = (_rows[i], share.Work[work].Sequence.Forced);
        try
        {
            if (forced is { } there && there >= first && there - first < logits.Length)
            {
                _forced[i] = logits[there - first];
            }

            _sampler.Take(row, logits, first);
            if (first + logits.Length == _vocabulary)
            {
                var drawn = TokenSampler.End(row);
                share.Sampled[work] = forced is { } token ? Instead(drawn, row, token, _forced[i]) : drawn;
            }
        }
        catch (ArithmeticException e)
        {
            share.Errors[work] = e.Message;
        }
    }

    /// <summary>Another token than the one that was drawn, with the log-prob that it has in the same distribution.</summary>
    private static SampledToken Instead(SampledToken drawn, TokenDraw row, int token, float logit) => float.IsFinite(logit)
        ? drawn with { Token = token, LogProb = (float)(drawn.LogProb + (((double)logit - row.BestLogit) / row.Temperature)) }
        : throw new ArithmeticException($"the forced token {token} has no probability");
}
