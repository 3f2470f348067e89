using System.Runtime.CompilerServices;
using Axpo.Core;
using Axpo.Training.Generation;
using static Axpo.Training.Tests.Generation.EngineFixture;

namespace Axpo.Training.Tests.Generation;

/// <summary>What may happen in a schedule.</summary>
internal enum ScheduleKind
{
    Join,
    Continue,
    Fork,
    Cancel,
    Deadline,
    Release,
    Publish,
    Pressure,
}

/// <summary>One operation; its numbers are read modulo what there is to choose from.</summary>
internal readonly record struct ScheduleOperation(int StepsLater, ScheduleKind Kind, int A, int B, int C);

/// <summary>A generation that was asked for, and what the engine computed for it.</summary>
internal sealed class ScheduledTurn(GenerateRequest request, int[] context, int weights)
{
    public GenerateRequest Request { get; } = request;

    /// <summary>The whole context.</summary>
    public int[] Context { get; } = context;

    /// <summary>Weights of the engine when it was asked for.</summary>
    public int Weights { get; } = weights;

    /// <summary>Before each sampled token: which weights had computed those before it.</summary>
    public List<(int End, int Weights)[]> Kv { get; } = [];

    public CancellationTokenSource Source { get; } = new();

    public bool MayBeCancelled { get; set; }

    public bool MayBeMissing { get; init; }

    public bool IsReleased { get; set; }

    public Task<GenerateResult> Result { get; set; } = null!;
}

/// <summary>
/// The callers' side of a schedule: what they know of each session, and the operations, done on the engine's thread before chosen steps, or at once when nothing runs.
/// </summary>
internal sealed class EngineSchedule(PolicyEngine engine, ScheduleClock clock, IReadOnlyList<(string Folder, string Hash)> folders, IReadOnlyList<ScheduleOperation> operations)
{
    private static readonly SamplingOptions[] Samplings =
        [SamplingOptions.Training(), SamplingOptions.Training(.7), new() { Temperature = 0 }, new() { Temperature = .7, TopK = 20 }, SamplingOptions.PaperEvaluation];

    private readonly Lock _lock = new();
    private readonly List<Client> _clients = [];
    private readonly ConditionalWeakTable<GenerateRequest, ScheduledTurn> _byRequest = [];
    private readonly List<Task<bool>> _publications = [];
    private int _next;
    private long _due;

    public List<ScheduledTurn> Turns { get; } = [];

    /// <summary>The weights that the engine took, in its count: which folder.</summary>
    public List<int> Weights { get; } = [0];

    public async Task RunAsync()
    {
        engine.Loop.BeforeStep = step =>
        {
            lock (_lock)
            {
                clock.Now += TimeSpan.FromSeconds(1);
                while (_next < operations.Count && step >= _due)
                {
                    Do(step, onEngine: true);
                }
            }
        };
        engine.Loop.AfterToken = (sequence, _) => _byRequest.GetValue(sequence.Request, _ => throw new InvalidOperationException("nobody asked for it")).Kv.Add([.. sequence.Session!.Kv.Runs]);
        while (true)
        {
            Task[] pending;
            lock (_lock)
            {
                if (_next < operations.Count && Turns.TrueForAll(t => t.Result.IsCompleted))
                {
                    // Nothing runs, so no step will come.
                    Do(_due, onEngine: false);
                }

                pending = [.. Turns.Select(t => t.Result), .. _publications];
                if (_next == operations.Count && pending.All(p => p.IsCompleted))
                {
                    break;
                }
            }

            await Task.WhenAll(pending);
        }

        engine.Loop.BeforeStep = null;
    }

    private void Do(long step, bool onEngine)
    {
        var operation = operations[_next++];
        _due = step + (_next < operations.Count ? operations[_next].StepsLater : 0);
        foreach (var client in _clients)
        {
            client.Settle();
        }

        switch (operation.Kind)
        {
            case ScheduleKind.Join:
                Join(operation, null);
                break;
            case ScheduleKind.Deadline:
                Join(operation, clock.Now + TimeSpan.FromSeconds(operation.C % 12));
                break;
            case ScheduleKind.Continue when Pick(operation.A, c => c.Turn is null) is { } client:
                Continue(client, operation);
                break;
            case ScheduleKind.Fork when Pick(operation.A, c => c.Tokens.Length > 0) is { } source:
                Fork(source, operation);
                break;
            case ScheduleKind.Cancel when Pick(operation.A, c => c.Turn is not null) is { } client:
                client.Turn!.MayBeCancelled = true;
                client.Turn.Source.Cancel();
                break;
            case ScheduleKind.Release when Pick(operation.A, _ => true) is { } client:
                Release(client.Id);
                break;
            case ScheduleKind.Publish when _publications.TrueForAll(p => p.IsCompleted):
                Publish(operation.A % folders.Count);
                break;
            case ScheduleKind.Pressure when onEngine:
                engine.Loop.EvictIdle();
                break;
            default:
                break;
        }
    }

    private Client? Pick(int number, Func<Client, bool> condition)
    {
        var some = _clients.Where(condition).ToList();
        return some.Count == 0 ? null : some[number % some.Count];
    }

    private void Join(ScheduleOperation operation, DateTimeOffset? deadline)
    {
        var group = operation.A % 3;
        var alone = operation.B % 4 == 0;
        var prompt = alone ? Prompt(1 + (operation.B % 60), (ulong)operation.A) : Prompt(5 + (17 * group), (ulong)group);
        var client = new Client($"run/{group}/{_clients.Count}");
        _clients.Add(client);
        Ask(client, new GenerateRequest
        {
            Session = client.Id,
            Offset = 0,
            Tokens = prompt,
            Group = alone ? null : $"run/{group}",
            Sampling = Samplings[operation.C % Samplings.Length],
            Chance = Key(_clients.Count),
            MaxNewTokens = 1 + (operation.C % 40),
            StopTokens = [operation.C % Vocabulary],
            Deadline = deadline,
        }, prompt, missing: false);
    }

    private void Continue(Client client, ScheduleOperation operation)
    {
        if (client.Tokens.Length == 0)
        {
            // Its first turn never ended: it is done again.
            var again = client.First!.Request with { Deadline = null };
            Ask(client, again, client.First.Context, client.First.MayBeMissing || again.ForkOf is not null);
            return;
        }

        // Now and then it goes back, as one does whose newest turn was lost: what others have from it must stay. A fork that has no answer yet names its prefix by this session's tokens: it is waited for.
        if (operation.C % 5 == 4 && !_clients.Exists(c => c != client && c.Tokens.Length == 0 && Session.Below(c.Id, client.Id)))
        {
            client.Tokens = client.Tokens[..(1 + (operation.A % client.Tokens.Length))];
        }

        var observation = Prompt(operation.B % 30, (ulong)operation.B);
        var whole = !client.IsKnown && operation.C % 2 == 0;
        int[] context = [.. client.Tokens, .. observation];
        Ask(client, client.First!.Request with
        {
            Offset = whole ? 0 : client.Tokens.Length,
            Tokens = whole ? context : observation,
            ForkOf = null,
            Deadline = null,
            MaxNewTokens = 1 + (operation.C % 30),
        }, context, missing: !client.IsKnown && !whole);
    }

    private void Fork(Client source, ScheduleOperation operation)
    {
        var boundary = 1 + (operation.B % source.Tokens.Length);
        int[] own = operation.C % 3 == 0 ? Prompt(1 + (operation.C % 9), (ulong)operation.C) : [];
        var client = new Client($"{source.Id}/b{boundary}r{_clients.Count}");
        _clients.Add(client);
        Ask(client, source.First!.Request with
        {
            Session = client.Id,
            Offset = boundary,
            Tokens = own,
            ForkOf = source.Id,
            Chance = Key(_clients.Count),
            Sampling = Samplings[operation.C % Samplings.Length],
            MaxNewTokens = 1 + (operation.C % 30),
            Deadline = null,
        }, [.. source.Tokens[..boundary], .. own], missing: !source.IsKnown);
    }

    private void Ask(Client client, GenerateRequest request, int[] context, bool missing)
    {
        var turn = new ScheduledTurn(request, context, engine.Status.Version) { MayBeMissing = missing, MayBeCancelled = request.Deadline is not null };
        client.Turn = turn;
        client.First ??= turn;
        Turns.Add(turn);
        _byRequest.Add(request, turn);
        turn.Result = engine.GenerateAsync(request, turn.Source.Token);
    }

    private void Release(string prefix)
    {
        foreach (var client in _clients.Where(c => Session.Below(c.Id, prefix)))
        {
            client.IsKnown = false;
            if (client.Turn is { } turn)
            {
                (turn.MayBeCancelled, turn.IsReleased) = (true, true);
            }
        }

        engine.Release(prefix);
    }

    private void Publish(int folder)
    {
        var version = new WeightsVersion(1, Weights.Count, folders[folder].Folder, folders[folder].Hash);
        Weights.Add(folder);
        var publication = engine.PublishAsync(version, CancellationToken.None);
        _publications.Add(publication);

        // It stands before the engine when this returns.
        SpinWait.SpinUntil(() => engine.Published.Step == version.Step || publication.IsCompleted);
    }

    private sealed class Client(string id)
    {
        public string Id { get; } = id;

        /// <summary>What has been answered, and counts: prompt, observations and sampled tokens.</summary>
        public int[] Tokens { get; set; } = [];

        /// <summary>Whether the engine must know these tokens.</summary>
        public bool IsKnown { get; set; }

        public ScheduledTurn? First { get; set; }

        /// <summary>The turn that is not known to have ended.</summary>
        public ScheduledTurn? Turn { get; set; }

        public void Settle()
        {
            if (Turn is not { Result.IsCompletedSuccessfully: true } turn)
            {
                return;
            }

            var result = turn.Result.Result;
            Turn = null;
            if (result.Status == GenerateStatus.Done)
            {
                Tokens = [.. turn.Context, .. result.Tokens];
                // What overflowed the context was refused, and never became the engine's.
                IsKnown = !turn.IsReleased && (result.Error is null);
            }
        }
    }
}

/// <summary>A clock that moves with the engine's steps.</summary>
internal sealed class ScheduleClock : TimeProvider
{
    private long _seconds;

    public DateTimeOffset Now
    {
        get => new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero).AddSeconds(Volatile.Read(ref _seconds));
        set => Volatile.Write(ref _seconds, (long)(value - new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero)).TotalSeconds);
    }

    public override DateTimeOffset GetUtcNow() => Now;
}
