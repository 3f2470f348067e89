using System.Runtime.InteropServices;
using Axpo.Core;
using Axpo.Training.Generation;
using Axpo.Training.Models;
using Axpo.Training.Native;
using Axpo.Training.Threads;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Bench;

/// <summary>What the engine is measured against: its kernels, or libtorch's, with nothing around them.</summary>
internal static class BareLoop
{
    /// <summary>The engine's kernels with nothing around them: no queue, no sessions that come and go, no result; threads do not wait for each other.</summary>
    public static async Task RunAsync(Decoder decoder, int sequences, int threads, int promptTokens, int newTokens)
    {
        var layout = new KvLayout(decoder.Config);
        var loops = Enumerable.Range(0, threads).Select(t => new Loop(layout, sequences / threads, t, promptTokens, newTokens)).ToArray();
        try
        {
            await Task.WhenAll(loops.Select(l => OnThread(() =>
            {
                l.Run(decoder);
                return 0;
            })));
        }
        finally
        {
            foreach (var loop in loops)
            {
                loop.Dispose();
            }
        }
    }

    /// <summary>What one writes first: one sequence, a preallocated cache, libtorch's attention, the same sampler.</summary>
    public static Task<int> TorchAsync(Decoder decoder, int promptTokens, int newTokens) => OnThread(() => Torch(decoder, promptTokens, newTokens));

    /// <summary>Runs on a thread of its own.</summary>
    public static Task<T> OnThread<T>(Func<T> work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private static int Torch(Decoder decoder, int promptTokens, int newTokens)
    {
        IntraOpThreads.UseOne();
        using var inference = inference_mode();
        using var outer = NewDisposeScope();
        var config = decoder.Config;
        var caches = Enumerable.Range(0, 2 * config.Layers).Select(_ => zeros(1, config.KvHeads, promptTokens + newTokens, config.HeadDim)).ToArray();
        var sampler = new TokenSampler(config.VocabSize);
        var ids = Requests.Tokens(promptTokens, 0, config.VocabSize).Select(t => (long)t).ToArray();
        var at = 0;
        for (var token = 0; token < newTokens; token++)
        {
            using var scope = NewDisposeScope();
            var (start, count) = (at, ids.Length);
            var hidden = decoder.Forward(tensor(ids), arange(start, start + count, ScalarType.Int64), (layer, q, k, v) =>
            {
                caches[2 * layer].narrow(2, start, count).copy_(k.transpose(0, 1).unsqueeze(0));
                caches[(2 * layer) + 1].narrow(2, start, count).copy_(v.transpose(0, 1).unsqueeze(0));
                return Aten.ScaledDotProductAttention(
                    q.transpose(0, 1).unsqueeze(0), caches[2 * layer].narrow(2, 0, start + count), caches[(2 * layer) + 1].narrow(2, 0, start + count), isCausal: count > 1).squeeze(0).transpose(0, 1);
            });
            at += count;
            var logits = decoder.Logits(hidden.narrow(0, count - 1, 1));
            ids = [sampler.Sample(MemoryMarshal.Cast<byte, float>(logits.bytes), SamplingOptions.Training(), ChanceKey.Root(1), at).Token];
        }

        return at;
    }

    private sealed class Loop : IDisposable
    {
        private readonly KvPool _pool;
        private readonly Sequence[] _sequences;
        private readonly int _newTokens;

        public Loop(KvLayout layout, int count, int thread, int promptTokens, int newTokens)
        {
            _newTokens = newTokens;
            _pool = new KvPool(layout, 1024L << 20);
            var table = new SessionTable(_pool, new EngineCounters());
            _sequences = [.. Enumerable.Range(0, count).Select(i =>
            {
                var sequence = new Sequence(Requests.New($"{thread}.{i}", Requests.Tokens(promptTokens, i, 1000), 0, newTokens, i));
                var session = new Session(sequence.Request.Session, null);
                session.Tokens.AddRange(sequence.Request.Tokens);
                table.Add(session);
                table.Reserve(sequence, KvLayout.Pages(promptTokens + newTokens));
                table.Busy(session, sequence);
                table.Extend(sequence, promptTokens + newTokens);
                return sequence;
            })];
        }

        public void Run(Decoder decoder)
        {
            IntraOpThreads.UseOne();
            using var inference = inference_mode();
            var worker = new StepWorker(decoder.Config, deterministic: false);
            var share = new StepShare();
            for (var token = 0; token < _newTokens; token++)
            {
                share.Clear();
                foreach (var sequence in _sequences)
                {
                    var session = sequence.Session!;
                    share.Add(new StepWork(sequence, session.Computed, session.Uncomputed, Sample: true));
                }

                worker.Run(decoder, null, share);
                for (var i = 0; i < _sequences.Length; i++)
                {
                    var session = _sequences[i].Session!;
                    session.Kv.Add(session.Uncomputed, 0);
                    session.Tokens.Add(share.Sampled[i].Token);
                }
            }
        }

        public void Dispose() => _pool.Dispose();
    }
}
