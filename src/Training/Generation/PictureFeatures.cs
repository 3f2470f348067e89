using Axpo.Core;
using Axpo.Training.Models;
using Axpo.Training.Models.Vision;
using Axpo.Training.Pictures;
using static TorchSharp.torch;

namespace Axpo.Training.Generation;

/// <summary>
/// What the tower of now made of pictures: one pass a picture and version of the weights, for whoever needs it. Within a budget the last used stay; those that the step under way needs stay in any case. A picture at a time, so that
/// its bits do not depend on its neighbours. Owned by the engine's thread.
/// </summary>
internal sealed class PictureFeatures(PictureReader reader, long budgetBytes, EngineCounters counters) : IDisposable
{
    private readonly Dictionary<string, LinkedListNode<Entry>> _kept = new(StringComparer.Ordinal);
    private readonly LinkedList<Entry> _order = new();
    private long _bytes;

    /// <summary>Makes what a step needs and is not there.</summary>
    /// <param name="decoder">Weights of now.</param>
    /// <param name="weights">Their number, counted by the engine.</param>
    /// <param name="plan">The step.</param>
    /// <returns>Work whose pictures cannot be read any more, and why.</returns>
    public IReadOnlyList<(StepWork Work, Exception Why)> Prepare(Decoder decoder, int weights, IReadOnlyList<StepWork> plan)
    {
        var (needed, failed) = (new HashSet<string>(StringComparer.Ordinal), new List<(StepWork, Exception)>());
        foreach (var work in plan)
        {
            try
            {
                foreach (var image in Seen(work))
                {
                    needed.Add(image.Sha256);
                    Make(decoder, weights, image);
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException or KeyNotFoundException or NotSupportedException)
            {
                failed.Add((work, e));
            }
        }

        if (needed.Count > 0)
        {
            Trim(needed);
        }

        return failed;
    }

    /// <summary>What was made of a picture for this step.</summary>
    public VisionFeatures Of(ImageRef image) => _kept[image.Sha256].Value.Features;

    /// <summary>The rows of a pass that stand for pictures.</summary>
    /// <param name="rows">Sessions and tokens of the pass's rows.</param>
    /// <param name="device">Where the pass is.</param>
    public PictureRows? Rows(IEnumerable<(Session Session, int Token)> rows, Device device)
    {
        var found = new List<(int, VisionFeatures, int)>();
        var row = -1;
        foreach (var (session, token) in rows)
        {
            row++;
            if (session.Tokens[token] < 0)
            {
                var at = session.Pictures.Positions.PictureAt(token);
                found.Add((row, Of(session.Pictures.Images[at]), token - session.Pictures.Positions.Pictures[at].Start));
            }
        }

        return PictureRows.Of(found, device);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var entry in _order)
        {
            entry.Dispose();
        }

        _order.Clear();
        _kept.Clear();
    }

    /// <summary>The pictures among the tokens that a piece of work computes.</summary>
    private static IEnumerable<ImageRef> Seen(StepWork work)
    {
        var pictures = work.Sequence.Session!.Pictures;
        for (var i = 0; i < pictures.Images.Count; i++)
        {
            var grid = pictures.Positions.Pictures[i];
            if (grid.Start < work.From + work.Count && work.From < grid.End)
            {
                yield return pictures.Images[i];
            }
        }
    }

    private void Make(Decoder decoder, int weights, ImageRef image)
    {
        if (_kept.TryGetValue(image.Sha256, out var node))
        {
            _order.Remove(node);
            if (node.Value.Weights == weights)
            {
                _order.AddLast(node);
                return;
            }

            Forget(node.Value);
        }

        VisionFeatures features;
        using (NewDisposeScope())
        {
            features = decoder.Tower!.Encode([reader.Read(image)]);
            features.Tokens.DetachFromDisposeScope();
            foreach (var deepstack in features.Deepstack)
            {
                deepstack.DetachFromDisposeScope();
            }
        }

        var entry = new Entry(image.Sha256, features, weights);
        _kept[image.Sha256] = _order.AddLast(entry);
        _bytes += entry.Bytes;
        counters.EncodedImages++;
    }

    private void Trim(HashSet<string> needed)
    {
        for (var node = _order.First; node is not null && _bytes > budgetBytes;)
        {
            var next = node.Next;
            if (!needed.Contains(node.Value.Sha256))
            {
                _order.Remove(node);
                Forget(node.Value);
            }

            node = next;
        }

        Volatile.Write(ref counters.ImageBytes, _bytes + reader.Bytes);
    }

    private void Forget(Entry entry)
    {
        _kept.Remove(entry.Sha256);
        _bytes -= entry.Bytes;
        entry.Dispose();
    }

    private sealed record Entry(string Sha256, VisionFeatures Features, int Weights) : IDisposable
    {
        public long Bytes { get; } = (1 + Features.Deepstack.Count) * Features.Tokens.numel() * Features.Tokens.ElementSize;

        public void Dispose()
        {
            Features.Tokens.Dispose();
            foreach (var deepstack in Features.Deepstack)
            {
                deepstack.Dispose();
            }
        }
    }
}
