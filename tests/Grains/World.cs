using Axpo.Grains.Abstractions;
using Axpo.Testing;

namespace Axpo.Grains.Tests;

/// <summary>A scripted world: questions whose answer is 7, a tool <c>calc</c>, a policy of which even rollouts call the tool.</summary>
internal sealed class World
{
    public const string Run = "r1";

    public World(Func<ScriptedTurn, string>? script = null, Func<FakeToolCall, ToolResult>? answer = null, int questions = 3, bool isStateful = true, Func<Question, IReadOnlyList<ImageRef>>? images = null)
    {
        Tool = new FakeTool("calc", answer ?? (call => new ToolResult($"{call.Index}:{call.Arguments}")), isStateful);
        Engine = new ScriptedPolicyEngine(script ?? Default);
        Learner = new FakeLearner();
        Services = new ScriptedRunServices
        {
            Engine = Engine,
            Learner = Learner,
            Images = images ?? (_ => []),
            Questions = (_, _) => [.. Enumerable.Range(0, questions).Select(Ask)],
            Configuration = new RunConfiguration
            {
                Steps = 2,
                Rollouts = new RolloutOptions { Questions = questions, GroupSize = 4, MaxTokens = 2000, MaxTurnTokens = 400, MaxLive = 8 },
                Resample = new ResampleOptions { K = 2, BudgetRatio = .5 },
                Evaluation = new EvaluationOptions { Every = 0, Samples = 2 },
            },
        };
        Services.Tools["calc"] = Tool;
    }

    public FakeTool Tool { get; }

    public ScriptedPolicyEngine Engine { get; }

    public FakeLearner Learner { get; }

    public ScriptedRunServices Services { get; }

    public RunConfiguration Configuration
    {
        get => Services.Configuration;
        set => Services.Configuration = value;
    }

    public static Question Ask(int i) => new()
    {
        Id = $"q{i}",
        Suite = "scripted",
        Category = "reasoning",
        Text = $"question {i}",
        Answer = "7",
        Verifier = "exact",
        Tools = ["calc"],
    };

    /// <summary>
    /// Even rollouts call the tool once and are wrong on question 0, right elsewhere; odd ones answer right at once. Of the continuations k = 1 is right.
    /// </summary>
    public static string Default(ScriptedTurn turn)
    {
        var id = turn.Episode;
        if (turn.IsContinuation || (turn.Turn == 0 && id.Rollout % 2 == 0))
        {
            return (turn.IsContinuation ? "" : "<think>use calc</think>") + turn.Call("calc", $$"""{"x":"{{id.Path}}"}""");
        }

        var isRight = id.Path.IsEmpty ? id.Question != 0 || id.Rollout % 2 == 1 : id.Path.Branches[^1].K == 1;
        return "<think>so</think>" + ScriptedTurn.Answer(isRight ? "7" : "8");
    }

    public static EpisodeId Id(int rollout = 0, int question = 0, int step = 1) => new(Run, Phase.Train, step, question, rollout);

    public EpisodeRequest Request(int question = 0, bool resume = false) => new()
    {
        Question = Ask(question),
        Sampling = SamplingOptions.Training(),
        Resume = resume,
    };

    /// <summary>Everything that a cluster has stored of the run, as lines.</summary>
    public static ValueTask<string[]> StoredAsync(AxpoTestCluster cluster) => cluster.Trajectories.ListAsync(Run, null, null, TestContext.Current.CancellationToken)
        .Select(r => $"{r.Id} {r.Outcome} {string.Join(',', r.Tokens)} {string.Join(',', r.LogProbs)}").ToArrayAsync(TestContext.Current.CancellationToken);
}

internal static class Waits
{
    public static async Task<RunStatus> EndAsync(this IRunGrain run)
    {
        for (var waits = 0; waits < 12; waits++)
        {
            if (await run.WaitAsync(TimeSpan.FromSeconds(10)) is { HasEnded: true } status)
            {
                return status;
            }
        }

        var last = await run.StatusAsync();
        throw new TimeoutException($"did not come: the end of run {last.Run}; it stands at step {last.Step}, {last.Phase}, {last.Episodes} of {last.EpisodesPlanned} episodes");
    }

    public static async Task<RolloutSummary> EndAsync(this IEpisodeGrain episode, EpisodeRequest request)
    {
        var answer = await episode.StartAsync(request);
        while (answer.State is OperationState.Running or OperationState.Unknown)
        {
            // Unknown: it ended, told somebody else, and left memory; started again it finds what is stored.
            answer = answer.State == OperationState.Unknown ? await episode.StartAsync(request with { Resume = true }) : await episode.WaitAsync(TimeSpan.FromSeconds(10));
        }

        answer.State.ShouldBe(OperationState.Done, answer.Error);
        return answer.Result!;
    }

    public static async Task<GroupResult> EndAsync(this IGroupGrain group, GroupRequest request)
    {
        var answer = await group.StartAsync(request);
        while (answer.State == OperationState.Running)
        {
            answer = await group.WaitAsync(request.Operation, TimeSpan.FromSeconds(10));
        }

        answer.State.ShouldBe(OperationState.Done, answer.Error);
        return answer.Result!;
    }

    public static async Task<TrainResult> EndAsync(this ITrainerGrain trainer, TrainRequest request)
    {
        var answer = await trainer.StartAsync(request);
        while (answer.State == OperationState.Running)
        {
            answer = await trainer.WaitAsync(request.Batch, TimeSpan.FromSeconds(10));
        }

        answer.State.ShouldBe(OperationState.Done, answer.Error);
        return answer.Result!;
    }

    /// <summary>Waits for an event; a timeout names it.</summary>
    public static async Task<T> Event<T>(this Task<T> task, string name)
    {
        await ((Task)task).Event(name);
        return await task;
    }

    /// <summary>Waits for an event; a timeout names it.</summary>
    public static async Task Event(this Task task, string name)
    {
        try
        {
            await task.WaitAsync(TimeSpan.FromSeconds(30));
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"did not come: {name}", e);
        }
    }

    public static TaskCompletionSource<bool> Signal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
