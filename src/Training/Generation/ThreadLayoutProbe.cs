using System.Diagnostics;
using Axpo.Core;
using Axpo.Training.Models;
using Axpo.Training.Threads;
using static TorchSharp.torch;

namespace Axpo.Training.Generation;

/// <summary>Times decode steps of a model on more and more workers; takes some hundreds of milliseconds.</summary>
internal sealed class ThreadLayoutProbe : IDisposable
{
    private const int MostRows = 64;
    private const int LeastRows = 8;
    private const double SecondsOfALargeStep = .04;
    private const double SecondsOfASize = .08;
    private const int MostRounds = 25;

    private readonly Decoder _decoder;
    private readonly bool _deterministic;
    private readonly KvPool _pool;
    private readonly Sequence[] _sequences;

    /// <param name="decoder">The model.</param>
    /// <param name="deterministic">Whether the engine is in deterministic mode.</param>
    public ThreadLayoutProbe(Decoder decoder, bool deterministic)
    {
        (_decoder, _deterministic) = (decoder, deterministic);
        var layout = new KvLayout(decoder.Config);
        _pool = new KvPool(layout, MostRows * layout.PageBytes);
        _sequences = [.. Enumerable.Range(0, MostRows).Select(Filled)];
    }

    /// <summary>Times steps; on the thread that calls, which should be a new one: its intra-op threads are one from then on.</summary>
    /// <param name="cores">Most workers.</param>
    public IReadOnlyList<StepTime> Measure(int cores)
    {
        IntraOpThreads.UseOne();
        using var inference = inference_mode();
        List<int> counts = [1];
        while (counts[^1] < cores)
        {
            counts.Add(Math.Min(2 * counts[^1], cores));
        }

        var teams = counts.ConvertAll(n => new WorkerTeam(_decoder.Config, n, _deterministic));
        try
        {
            // Two steps of each: the first one compiles.
            var (_, step) = (teams.ConvertAll(t => Step(t, LeastRows)), Step(teams[0], LeastRows));
            var rows = MostRows;
            while (rows > LeastRows && step * rows / LeastRows > SecondsOfALargeStep)
            {
                rows /= 2;
            }

            var times = new List<StepTime>();
            for (; rows > 1; rows /= 2)
            {
                times.AddRange(Measure(teams.FindAll(t => t.Size <= rows), rows));
            }

            return times;
        }
        finally
        {
            teams.ForEach(t => t.Dispose());
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _pool.Dispose();

    /// <summary>In turns, so that a neighbour takes time from each; the median.</summary>
    private IEnumerable<StepTime> Measure(List<WorkerTeam> teams, int rows)
    {
        var seconds = teams.ConvertAll(_ => new List<double>());
        var clock = Stopwatch.StartNew();
        for (var round = 0; round == 0 || (round < MostRounds && clock.Elapsed.TotalSeconds < SecondsOfASize); round++)
        {
            for (var i = 0; i < teams.Count; i++)
            {
                seconds[i].Add(Step(teams[i], rows));
            }
        }

        return teams.Select((t, i) => new StepTime(t.Size, rows, seconds[i].Order().ElementAt(seconds[i].Count / 2)));
    }

    private double Step(WorkerTeam team, int rows)
    {
        foreach (var share in team.Shares)
        {
            share.Clear();
        }

        WorkSharing.Deal([.. _sequences.Take(rows).Select(s => new StepWork(s, KvLayout.PageTokens - 1, 1, Sample: true))], team.Shares, Math.Max(1, rows / team.Size));
        var clock = Stopwatch.StartNew();
        team.Run(_decoder, null, null);
        var seconds = clock.Elapsed.TotalSeconds;
        return team.Shares.Select(s => s.Failure).FirstOrDefault(f => f is not null) is { } failure ? throw failure : seconds;
    }

    /// <summary>A session with a page of context, the last token of which is computed again and again.</summary>
    private Sequence Filled(int index)
    {
        var sequence = new Sequence(new GenerateRequest
        {
            Session = "probe",
            Offset = 0,
            Tokens = [0],
            Sampling = SamplingOptions.Training(),
            Chance = ChanceKey.Root((ulong)index),
            MaxNewTokens = 1,
            StopTokens = [],
        });
        sequence.Session = new Session("probe", null);
        sequence.Session.Tokens.AddRange(new int[KvLayout.PageTokens]);
        sequence.Session.Pages.Add(_pool.Rent());
        return sequence;
    }
}
