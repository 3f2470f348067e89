using Axpo.Training.Generation;
using Axpo.Training.Models;
using Shouldly;
using TorchSharp;
using Xunit;
using static Axpo.Training.Tests.Generation.EngineFixture;

namespace Axpo.Training.Tests.Generation;

/// <summary>Steps of one worker, with weights that are packed and, as on processors without the lanes for it, with plain ones.</summary>
public sealed class StepWorkerTests(EngineFixture fixture) : IClassFixture<EngineFixture>
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void In_deterministic_mode_a_sequence_is_the_same_bits_beside_any_others(bool packed)
    {
        using var decoder = Load(packed);
        using var inference = torch.inference_mode();
        var alone = Run(decoder, deterministic: true, [3]);
        Run(decoder, deterministic: true, [0, 1, 3, 4])[2].ShouldBe(alone[0]);
        Run(decoder, deterministic: true, [.. Enumerable.Range(0, 37)])[3].ShouldBe(alone[0]);
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public void Steps_leave_no_tensor_behind(bool packed, bool deterministic)
    {
        using var decoder = Load(packed);
        using var inference = torch.inference_mode();
        long? live = null;
        Run(decoder, deterministic, [.. Enumerable.Range(0, 5)], () =>
        {
            var now = DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
            live ??= now;
            now.ShouldBe(live.Value);
        });
    }

    private Decoder Load(bool packed) => packed ? Decoder.LoadPacked(fixture.Folder) : Decoder.Load(fixture.Folder);

    /// <summary>Thirty steps of sequences that are told apart by their numbers.</summary>
    /// <returns>Tokens and log-probs of each.</returns>
    private static string[] Run(Decoder decoder, bool deterministic, int[] numbers, Action? afterStep = null)
    {
        using var pool = new KvPool(new KvLayout(decoder.Config), 64 << 20);
        var sessions = new SessionTable(pool, new EngineCounters());
        var worker = new StepWorker(decoder.Config, deterministic);
        var results = numbers.Select(_ => new List<string>()).ToArray();
        var sequences = numbers.Select(i =>
        {
            var sequence = new Sequence(Request($"s{i}", Prompt(5 + i), max: 100, key: i));
            var session = new Session($"s{i}", null);
            session.Tokens.AddRange(sequence.Request.Tokens);
            sessions.Add(session);
            sessions.Reserve(sequence, 10);
            sessions.Busy(session, sequence);
            return sequence;
        }).ToArray();
        for (var step = 0; step < 30; step++)
        {
            var share = new StepShare();
            foreach (var sequence in sequences)
            {
                var session = sequence.Session!;
                sessions.Extend(sequence, session.Tokens.Count);
                share.Add(new StepWork(sequence, session.Computed, session.Uncomputed, Sample: true));
            }

            worker.Run(decoder, null, share);
            share.Failure.ShouldBeNull();
            for (var i = 0; i < sequences.Length; i++)
            {
                var session = sequences[i].Session!;
                session.Kv.Add(session.Uncomputed, 0);
                session.Tokens.Add(share.Sampled[i].Token);
                results[i].Add(FormattableString.Invariant($"{share.Sampled[i].Token} {BitConverter.SingleToInt32Bits(share.Sampled[i].LogProb):x}"));
            }

            afterStep?.Invoke();
        }

        return [.. results.Select(r => string.Join(' ', r))];
    }
}
