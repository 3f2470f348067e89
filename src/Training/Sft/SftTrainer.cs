using System.Runtime.ExceptionServices;
using Axpo.Core;
using Axpo.Imaging;
using Axpo.Training.Devices;
using Axpo.Training.Learning;
using Axpo.Training.Models;
using Axpo.Training.Native;
using Axpo.Training.Optim;
using Axpo.Training.Pictures;
using Axpo.Training.Threads;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Sft;

/// <summary>
/// Supervised fine-tuning on a scripted teacher's traces: the negative log-prob of what the policy shall write, at weight 1, and of what it is shown, at
/// a small weight. Runs on a thread of its own; the same job and machine give the same weights.
/// </summary>
/// <param name="decoder">What is trained.</param>
/// <param name="chat">How it talks.</param>
/// <param name="job">What is trained on, and how.</param>
/// <param name="time">Clock.</param>
/// <param name="processor">How images are prepared; null: the decoder reads text only.</param>
public sealed class SftTrainer(Decoder decoder, IChatFormat chat, SftJob job, TimeProvider time, PictureProcessor? processor = null)
{
    private const int BatchesPerDraw = 8;

    // Patches of the batches that were drawn, of those that validate, and room.
    private const long PatchBytes = 256L << 20;

    private readonly SftOptions _options = job.Options;
    private readonly ChanceKey _key = ChanceKey.Root(job.Options.Seed).With("sft");
    private readonly TraceImages _images = new();
    private PictureReader? _pictures;
    private EncodedPiece[] _held = [];
    private readonly PictureKeys _keys = new();

    /// <summary>Trains the decoder in place, or its adapter where it has one.</summary>
    /// <param name="progress">Told after every step.</param>
    /// <param name="cancellationToken">Ends the training after the current step.</param>
    /// <returns>Validation loss at the end: mean negative log-prob of the sampled tokens, nats.</returns>
    /// <exception cref="ArgumentException">A question offers a tool that is none of the job's.</exception>
    public async Task<double> RunAsync(IProgress<SftProgress>? progress, CancellationToken cancellationToken)
    {
        using var thread = new DeviceThread("axpo-sft", _options.Threads);
        return await thread.RunAsync(() => Run(progress, cancellationToken), cancellationToken);
    }

    private double Run(IProgress<SftProgress>? progress, CancellationToken cancellationToken)
    {
        _pictures = processor is null ? null : new PictureReader(_images, processor, PatchBytes);
        using var optimizer = new FusedAdamW(decoder.Trained, new AdamWOptions { Beta1 = _options.Beta1, Beta2 = _options.Beta2, WeightDecay = _options.WeightDecay });
        using var workers = new MicroBatchWorkers(decoder, _options.Threads > 0 ? _options.Threads : Environment.ProcessorCount);
        _held = Encode(job.Validation, _key.With("validation"), _options.ValidationTraces);
        var steps = job.Stages.Sum(s => s.Steps);
        var started = time.GetTimestamp();
        var (step, tokens) = (0, 0L);
        double? validationLoss = null;
        foreach (var stage in job.Stages)
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
                var loss = Step(workers, optimizer, batch, _options.Rate.At(step++), cancellationToken);
                tokens += batch.Sum(b => b.Tokens.Length);
                if (step % _options.ValidateEvery == 0 || step == steps)
                {
                    validationLoss = Validate(workers, _held, cancellationToken);
                }

                progress?.Report(new SftProgress(step, steps, stage.Name, loss, validationLoss, tokens, tokens / Math.Max(1e-9, time.GetElapsedTime(started).TotalSeconds)));
            }
        }

        foreach (var (_, value) in decoder.Trained)
        {
            value.requires_grad_(false);
        }

        return validationLoss ?? Validate(workers, _held, cancellationToken);
    }

    /// <summary>Draws many traces, perhaps sorts them by length, cuts them into batches, and shuffles the batches.</summary>
    private Queue<EncodedPiece[]> Batches(SftStage stage, ChanceKey key)
    {
        _images.Keep(_held);
        var pieces = Encode(stage.Draw, key, _options.BatchSize * BatchesPerDraw);
        if (_options.ByLength)
        {
            pieces = [.. pieces.OrderBy(p => p.Tokens.Length)];
        }

        var order = key.With("order").Stream().Permutation(BatchesPerDraw);
        return new Queue<EncodedPiece[]>(order.Select(b => pieces[(b * _options.BatchSize)..((b + 1) * _options.BatchSize)]));
    }

    /// <summary>Draws traces, pictures above all on every core, and encodes them in order.</summary>
    private EncodedPiece[] Encode(Func<ChanceKey, TeacherTrace> draw, ChanceKey key, int count)
    {
        var drawn = new (TeacherTrace Trace, ReadOnlyMemory<byte>[] Files)[count];
        try
        {
            Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = _options.Threads > 0 ? _options.Threads : -1 }, i =>
            {
                var trace = draw(key.With((ulong)i));
                drawn[i] = (trace, [.. trace.Question.Images.Select(Read)]);
            });
        }
        catch (AggregateException e)
        {
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }

        return [.. drawn.Select(d => chat.EncodeTrace(d.Trace, [.. (d.Trace.Question.Tools ?? []).Select(Tool)], ImagesOf(d.Trace, d.Files)))];
    }

    /// <summary>Images of the question, then of each step; null: there are none.</summary>
    private ImageRef[][]? ImagesOf(TeacherTrace trace, ReadOnlyMemory<byte>[] files) => files.Length == 0 && trace.Steps.All(s => s.Images.Count == 0)
        ? null
        : [[.. files.Select(_images.Add)], .. trace.Steps.Select(s => s.Images.Select(_images.Add).ToArray())];

    private ReadOnlyMemory<byte> Read(string source) => job.Images is { } images
        ? images.ReadAsync(source, CancellationToken.None).AsTask().GetAwaiter().GetResult()
        : throw new InvalidOperationException($"sft: a question has the image '{source}', and the job says nothing of where images come from");

    private ToolSpec Tool(string name) => job.Tools.FirstOrDefault(t => t.Name == name)
        ?? throw new ArgumentException($"sft: a question offers the tool '{name}', which is not among those given: {string.Join(", ", job.Tools.Select(t => t.Name))}", nameof(name));

    private double Step(MicroBatchWorkers workers, FusedAdamW optimizer, EncodedPiece[] batch, double rate, CancellationToken cancellationToken)
    {
        using var scope = NewDisposeScope();
        optimizer.ZeroGradients();
        workers.ZeroGradients();
        var total = batch.Sum(p => p.Segments.Sum(s => Weight(s) * (Wanted(s) - p.Images.Where(i => s.Start <= i.Start && i.End <= s.End).Sum(i => i.Length))));
        var sums = workers.Run(
            Cut(workers, batch),
            (policy, micro) =>
            {
                using var own = NewDisposeScope();
                var (pass, weights, sums) = Score(policy, micro);
                var loss = (pass.LogProbs * weights).sum().Times(-1 / total);
                loss.backward();
                pass.Backward();
                return sums;
            },
            cancellationToken);
        workers.SumGradients();
        var value = sums.Sum(s => s.Loss) / sums.Sum(s => s.Count);
        if (!double.IsFinite(value))
        {
            throw new InvalidOperationException($"the loss is {value}; lower the learning rate ({rate})");
        }

        optimizer.ClipGlobalNorm(_options.GradientClip);
        optimizer.Step(rate);
        return value;
    }

    private double Validate(MicroBatchWorkers workers, EncodedPiece[] pieces, CancellationToken cancellationToken)
    {
        var sums = workers.Run(
            Cut(workers, pieces),
            (policy, micro) =>
            {
                using var guard = no_grad();
                using var own = NewDisposeScope();
                return Score(policy, micro).Sums;
            },
            cancellationToken);
        return sums.Sum(s => s.Loss) / sums.Sum(s => s.Count);
    }

    private bool SharesPrefixes => FusedLayer.Serves(decoder.Head);

    private List<List<Keyed>> Cut(MicroBatchWorkers workers, EncodedPiece[] batch) =>
        MicroBatches.Cut([.. batch.Select(p => new Keyed(p, _keys.Of(p.Tokens, p.Images)))], p => p.Keys, Math.Min(_options.MicroBatchTokens, workers.MostTokens), workers.Count, SharesPrefixes);

    private double Weight(Segment segment) => segment.IsSampled ? 1 : _options.OtherWeight;

    /// <summary>Tokens of a segment that are predicted: all but a sequence's first.</summary>
    private static int Wanted(Segment segment) => segment.End - Math.Max(1, segment.Start);

    /// <summary>Log-probs of the tokens that carry weight, their weights, and the sum of the negative log-probs of the sampled ones with their number.</summary>
    private (PolicyPass Pass, Tensor Weights, (double Loss, int Count) Sums) Score(Decoder policy, List<Keyed> micro)
    {
        var device = policy.Device;
        var pack = new PackedBatch([.. micro.Select(b => b.Keys)], device, SharesPrefixes, PackPictures.Of([.. micro.Select(b => b.Piece.Images)], policy.Config.Pictures, _pictures));
        var chosen = new List<long>();
        var weights = new List<float>();
        var sampled = new List<bool>();
        for (var i = 0; i < micro.Count; i++)
        {
            foreach (var segment in micro[i].Piece.Segments.Where(s => Weight(s) > 0))
            {
                for (var t = Math.Max(1, segment.Start); t < segment.End; t++)
                {
                    if (micro[i].Keys[t] < 0)
                    {
                        // A part of an image is shown, not told.
                        continue;
                    }

                    chosen.Add(pack.RowOf(i, t));
                    weights.Add((float)Weight(segment));
                    sampled.Add(segment.IsSampled);
                }
            }
        }

        var pass = new PolicyPass(policy, pack, device.Upload(chosen.ToArray()), 1.0);
        var loss = pass.LogProbs.Floats().Zip(sampled).Where(p => p.Second).Sum(p => -(double)p.First);
        return (pass, device.Upload(weights.ToArray()), (loss, sampled.Count(s => s)));
    }

    /// <summary>A sequence, and its tokens with those that stand for an image saying for which.</summary>
    private sealed record Keyed(EncodedPiece Piece, int[] Keys);
}
