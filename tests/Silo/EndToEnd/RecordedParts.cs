using System.Collections.Concurrent;
using Axpo.Core;
using Axpo.Silo.Runs;

namespace Axpo.Silo.Tests.EndToEnd;

/// <summary>What went in and out of the real engines and learners of a run, whichever silos they were on.</summary>
internal sealed class Recording
{
    private int _live;

    public ConcurrentQueue<(GenerateRequest Request, GenerateResult Result)> Generations { get; } = new();

    public ConcurrentQueue<UpdateBatch> Batches { get; } = new();

    /// <summary>Most generations that were under way at once.</summary>
    public int Peak { get; private set; }

    /// <summary>Engines that were started.</summary>
    public int Engines { get; set; }

    public void Enter()
    {
        lock (Generations)
        {
            Peak = Math.Max(Peak, ++_live);
        }
    }

    public void Leave()
    {
        lock (Generations)
        {
            _live--;
        }
    }
}

/// <summary>The real parts, with everything that passes written down.</summary>
internal sealed class RecordedParts(IRunPartsFactory parts, Recording recording) : IRunPartsFactory
{
    public async Task<IPolicyEngine> StartEngineAsync(RunConfiguration configuration, CancellationToken cancellationToken)
    {
        recording.Engines++;
        return new Engine(await parts.StartEngineAsync(configuration, cancellationToken), recording);
    }

    public async Task<ILearner> StartLearnerAsync(RunConfiguration configuration, CancellationToken cancellationToken) =>
        new Trainee(await parts.StartLearnerAsync(configuration, cancellationToken), recording);

    public IChatFormat LoadChat(RunConfiguration configuration) => parts.LoadChat(configuration);

    private sealed class Engine(IPolicyEngine engine, Recording recording) : IPolicyEngine, IAsyncDisposable
    {
        public EngineStatus Status => engine.Status;

        public int MaxContext => engine.MaxContext;

        public async Task<GenerateResult> GenerateAsync(GenerateRequest request, CancellationToken cancellationToken)
        {
            recording.Enter();
            try
            {
                var result = await engine.GenerateAsync(request, cancellationToken);
                recording.Generations.Enqueue((request, result));
                return result;
            }
            finally
            {
                recording.Leave();
            }
        }

        public void Release(string sessionPrefix) => engine.Release(sessionPrefix);

        public Task<bool> PublishAsync(WeightsVersion version, CancellationToken cancellationToken) => engine.PublishAsync(version, cancellationToken);

        public ValueTask DisposeAsync() => ((IAsyncDisposable)engine).DisposeAsync();
    }

    private sealed class Trainee(ILearner learner, Recording recording) : ILearner, IDisposable
    {
        public int Step => learner.Step;

        public Task<UpdateResult> UpdateAsync(UpdateBatch batch, CancellationToken cancellationToken)
        {
            recording.Batches.Enqueue(batch);
            return learner.UpdateAsync(batch, cancellationToken);
        }

        public Task<BlobRef> SaveAsync(string folder, CancellationToken cancellationToken) => learner.SaveAsync(folder, cancellationToken);

        public Task LoadAsync(string folder, CancellationToken cancellationToken) => learner.LoadAsync(folder, cancellationToken);

        public void Dispose() => ((IDisposable)learner).Dispose();
    }
}
