using System.Diagnostics;
using Axpo.Core;
using Axpo.Imaging;
using Axpo.Training.Learning;
using Axpo.Training.Models;
using Axpo.Training.Pictures;
using Axpo.Training.Threads;
using static TorchSharp.torch;

namespace Axpo.Bench;

/// <summary>What a training step does for its pictures, with nothing around it.</summary>
internal sealed class VisionWork : IDisposable
{
    private readonly VisionShape _shape;
    private readonly VisionPictures _store;
    private readonly ThreadTeam _team = new("bench-towers", Environment.ProcessorCount, 1);
    private readonly Decoder[] _policies;
    private readonly LearnerOptions _options = new();

    /// <param name="folder">The model.</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="store">Where pictures are.</param>
    public VisionWork(string folder, VisionShape shape, VisionPictures store)
    {
        (_shape, _store) = (shape, store);
        _policies = [.. Enumerable.Range(0, _team.Size).Select(_ => Decoder.Load(folder))];
    }

    /// <summary>A reader that has read nothing.</summary>
    public PictureReader Reader() => new(_store, _shape.Processor, long.MaxValue);

    /// <summary>Does it once.</summary>
    public async Task<Parts> DoAsync(UpdateBatch batch, ImageRef[] images)
    {
        // Engine and learner have a reader each.
        var clock = Stopwatch.StartNew();
        await Task.WhenAll(images.Select(image => Reader().ReadAsync(image, CancellationToken.None)));
        var reader = Reader();
        await Task.WhenAll(images.Select(image => reader.ReadAsync(image, CancellationToken.None)));
        var reading = clock.Elapsed.TotalSeconds;
        clock.Restart();
        _team.Run(_ => Array.ForEach(images, image => Forward([reader.Read(image)], _policies[0])), worker => worker == 0, static () => { });
        var engine = clock.Elapsed.TotalSeconds;
        clock.Restart();
        Update(batch, reader);
        return new Parts(reading, engine, clock.Elapsed.TotalSeconds);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _team.Dispose();
        Array.ForEach(_policies, policy => policy.Dispose());
    }

    /// <summary>The passes of an update: those of the weights that generated for all minibatches but the first, then of each the policy, there and back, and the reference.</summary>
    private void Update(UpdateBatch batch, PictureReader reader)
    {
        var keys = new PictureKeys();
        foreach (var minibatch in Enumerable.Range(0, _options.Minibatches))
        {
            var items = batch.Sequences.Where(s => s.Question * _options.Minibatches / batch.Questions == minibatch).Select(s => new TrainItem(s, keys)).ToArray();
            var micros = MicroBatches.Cut(items, i => i.Keys, Math.Min(_options.MicroBatchTokens, MicroBatchWorkers.CachedTokens), _team.Size, shares: true);
            _team.Run(worker =>
            {
                for (var i = worker; i < micros.Count; i += _team.Size)
                {
                    PicturePatches[] pictures = [.. micros[i].SelectMany(m => m.Sequence.Images).DistinctBy(p => p.Image.Sha256).Select(p => reader.Read(p.Image))];
                    Forward(pictures, _policies[worker]);
                    if (minibatch > 0)
                    {
                        Forward(pictures, _policies[worker]);
                    }

                    Back(pictures, _policies[worker]);
                }
            });
        }
    }

    private static void Forward(PicturePatches[] pictures, Decoder policy)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        policy.Tower!.Encode(pictures);
    }

    private static void Back(PicturePatches[] pictures, Decoder policy)
    {
        using var scope = NewDisposeScope();
        foreach (var (_, value) in policy.Parameters)
        {
            value.requires_grad_(true);
        }

        VisionTowerBench.Sum(policy.Tower!.Encode(pictures)).backward();
    }

    /// <summary>Seconds of the parts.</summary>
    /// <param name="Reading">Reading, decoding, resizing and cutting, for engine and learner.</param>
    /// <param name="Engine">The engine's tower.</param>
    /// <param name="Learner">The learner's.</param>
    internal sealed record Parts(double Reading, double Engine, double Learner);
}
