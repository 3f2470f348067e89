using Axpo.Core;
using Axpo.Training.Devices;
using Axpo.Training.Learning;
using Axpo.Training.Models;
using Axpo.Training.Optim;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Sft;

/// <summary>
/// Supervised fine-tuning on a scripted teacher's traces: the negative log-prob of what the policy shall write, at weight 1, and of what it is shown, at
/// a small weight. Runs on a thread of its own; the same options, stages and machine give the same weights.
/// </summary>
public sealed class SftTrainer(Decoder decoder, IChatFormat chat, SftOptions options, TimeProvider time)
{
    private const int BatchesPerDraw = 8;

    private readonly ChanceKey _key = ChanceKey.Root(options.Seed).With("sft");

    /// <summary>Trains the decoder in place.</summary>
    /// <param name="stages">The curriculum, in order, under one learning-rate schedule.</param>
    /// <param name="validation">Draws validation traces.</param>
    /// <param name="progress">Told after every step.</param>
    /// <param name="cancellationToken">Ends the training after the current step.</param>
    /// <returns>Validation loss at the end: mean negative log-prob of the sampled tokens, nats.</returns>
    public Task<double> RunAsync(IReadOnlyList<SftStage> stages, Func<ChanceKey, TeacherTrace> validation, IProgress<SftProgress>? progress, CancellationToken cancellationToken)
    {
        var done = new TaskCompletionSource<double>(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() =>
        {
            try
            {
                done.SetResult(Run(stages, validation, progress, cancellationToken));
            }
            catch (OperationCanceledException e)
            {
                done.SetCanceled(e.CancellationToken);
            }
            catch (Exception e)
            {
                done.SetException(e);
            }
        })
        {
            IsBackground = true,
            Name = "axpo-sft",
        };
        thread.Start();
        return done.Task;
    }

    private double Run(IReadOnlyList<SftStage> stages, Func<ChanceKey, TeacherTrace> validation, IProgress<SftProgress>? progress, CancellationToken cancellationToken)
    {
        set_num_threads(options.Threads > 0 ? options.Threads : Environment.ProcessorCount);
        using var optimizer = new FusedAdamW(decoder.Parameters, new AdamWOptions { Beta1 = options.Beta1, Beta2 = options.Beta2, WeightDecay = options.WeightDecay });
        var held = Encode(validation, _key.With("validation"), options.ValidationTraces);
        var steps = stages.Sum(s => s.Steps);
        var started = time.GetTimestamp();
        var (step, tokens) = (0, 0L);
        double? validationLoss = null;
        foreach (var stage in stages)
        {
            var queue = new Queue<EncodedPiece[]>();
            for (var i = 0; i < stage.Steps; i++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (queue.Count == 0)
                {
                    queue = Batches(stage, _key.With(stage.Name).With((ulong)i));
                }

                var batch = queue.Dequeue();
                var loss = Step(optimizer, batch, options.Rate.At(step++));
                tokens += batch.Sum(b => b.Tokens.Length);
                if (step % options.ValidateEvery == 0 || step == steps)
                {
                    validationLoss = Validate(held);
                }

                progress?.Report(new SftProgress(step, steps, stage.Name, loss, validationLoss, tokens, tokens / Math.Max(1e-9, time.GetElapsedTime(started).TotalSeconds)));
            }
        }

        foreach (var (_, value) in decoder.Parameters)
        {
            value.requires_grad_(false);
        }

        return validationLoss ?? Validate(held);
    }

    /// <summary>Draws many traces, perhaps sorts them by length, cuts them into batches, and shuffles the batches.</summary>
    private Queue<EncodedPiece[]> Batches(SftStage stage, ChanceKey key)
    {
        var pieces = Encode(stage.Draw, key, options.BatchSize * BatchesPerDraw);
        if (options.ByLength)
        {
            pieces = [.. pieces.OrderBy(p => p.Tokens.Length)];
        }

        var order = key.With("order").Stream().Permutation(BatchesPerDraw);
        return new Queue<EncodedPiece[]>(order.Select(b => pieces[(b * options.BatchSize)..((b + 1) * options.BatchSize)]));
    }

    private EncodedPiece[] Encode(Func<ChanceKey, TeacherTrace> draw, ChanceKey key, int count) =>
        [.. Enumerable.Range(0, count).Select(i => chat.EncodeTrace(draw(key.With((ulong)i)), []))];

    private double Step(FusedAdamW optimizer, EncodedPiece[] batch, double rate)
    {
        using var scope = NewDisposeScope();
        optimizer.ZeroGradients();
        var (pass, weights, sampled) = Score(batch);
        var logProbs = pass.LogProbs;
        var loss = -(logProbs * weights).sum() / weights.sum();
        loss.backward();
        pass.Backward();
        var value = (-(logProbs.detach() * sampled).sum() / sampled.sum()).ToDouble();
        if (!double.IsFinite(value))
        {
            throw new InvalidOperationException($"the loss is {value}; lower the learning rate ({rate})");
        }

        optimizer.ClipGlobalNorm(options.GradientClip);
        optimizer.Step(rate);
        return value;
    }

    private double Validate(EncodedPiece[] pieces)
    {
        using var guard = no_grad();
        var (sum, count) = (0.0, 0.0);
        foreach (var chunk in pieces.Chunk(options.BatchSize * 2))
        {
            using var scope = NewDisposeScope();
            var (pass, _, sampled) = Score(chunk);
            sum -= (pass.LogProbs * sampled).sum().ToDouble();
            count += sampled.sum().ToDouble();
        }

        return sum / count;
    }

    private (PolicyPass Pass, Tensor Weights, Tensor Sampled) Score(EncodedPiece[] batch)
    {
        var device = decoder.Device;
        var pack = new PackedBatch([.. batch.Select(b => b.Tokens)], device);
        var chosen = new List<long>();
        var weights = new List<float>();
        var sampled = new List<float>();
        for (var i = 0; i < batch.Length; i++)
        {
            foreach (var segment in batch[i].Segments)
            {
                for (var t = Math.Max(1, segment.Start); t < segment.End; t++)
                {
                    chosen.Add(pack.RowOf(i, t));
                    weights.Add(segment.IsSampled ? 1f : (float)options.OtherWeight);
                    sampled.Add(segment.IsSampled ? 1f : 0f);
                }
            }
        }

        var positions = device.Upload(chosen.ToArray());
        return (new PolicyPass(decoder, pack, positions, 1.0), device.Upload(weights.ToArray()), device.Upload(sampled.ToArray()));
    }
}
