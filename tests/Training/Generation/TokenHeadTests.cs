using System.Runtime.InteropServices;
using Axpo.Core;
using Axpo.Training.Generation;
using Axpo.Training.Models;
using Shouldly;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Generation;

public sealed class TokenHeadTests
{
    private const int Vocabulary = (2 * TokenHead.Tile) + 777;
    private const int Rows = 6;

    [Fact]
    public void Tiles_of_a_large_vocabulary_draw_what_the_whole_row_draws()
    {
        using var scope = NewDisposeScope();
        using var guard = inference_mode();
        using var decoder = Decoder.Create(new DecoderConfig { VocabSize = Vocabulary, HiddenSize = 32, Layers = 1, Heads = 1, KvHeads = 1, HeadDim = 32, IntermediateSize = 32, MaxPositions = 16 }, 3);
        decoder.Parameters[0].Value.mul_(40);
        SamplingOptions[] options = [new(), new() { Temperature = 0 }, new() { TopP = .9 }, SamplingOptions.PaperEvaluation, new() { TopK = 3000 }, new() { Temperature = .5 }];
        var hidden = randn(Rows, 32, generator: new Generator(5));
        var share = new StepShare();
        for (var i = 0; i < Rows; i++)
        {
            var request = new GenerateRequest { Session = "s", Offset = 0, Tokens = [1], Sampling = options[i], Chance = ChanceKey.Root((ulong)i), MaxNewTokens = 1, StopTokens = [] };
            share.Add(new StepWork(new Sequence(request) { Session = new Session("s", null) }, 0, 0, Sample: true));
            share.Sampled.Add(default);
            share.Errors.Add(null);
        }

        new TokenHead(Vocabulary).Sample(decoder, hidden, share, [0, 1, 2, 3, 4, 5]);

        var logits = MemoryMarshal.Cast<byte, float>(decoder.Logits(hidden).bytes);
        for (var i = 0; i < Rows; i++)
        {
            var whole = TokenSampler.Scalar(logits.Slice(i * Vocabulary, Vocabulary), options[i], ChanceKey.Root((ulong)i), 0);
            share.Errors[i].ShouldBeNull();
            share.Sampled[i].Token.ShouldBe(whole.Token);
            share.Sampled[i].LogProb.ShouldBe(whole.LogProb, 1e-4);
            share.Sampled[i].Entropy.ShouldBe(whole.Entropy, 1e-3);
        }
    }
}
