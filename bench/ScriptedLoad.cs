using System.Globalization;
using Axpo.Core;
using Axpo.Grains.Abstractions;
using Axpo.Testing;

namespace Axpo.Bench;

/// <summary>Groups of episodes on a scripted policy: half of them call a tool, all end correct.</summary>
internal static class ScriptedLoad
{
    public const int GroupSize = 8;

    /// <summary>The parts of a run of so many groups a step.</summary>
    public static ScriptedRunServices Services(int groups)
    {
        var services = new ScriptedRunServices
        {
            Engine = new ScriptedPolicyEngine(Script) { KeepRequests = false },
            Questions = (_, _) => [.. Enumerable.Range(0, groups).Select(Ask)],
            Configuration = new RunConfiguration { Rollouts = new RolloutOptions { Questions = groups, GroupSize = GroupSize, MaxTokens = 2000, MaxTurnTokens = 400 } },
        };
        services.Tools["calc"] = new FakeTool("calc", call => new ToolResult("7"), isStateful: true);
        return services;
    }

    /// <summary>Runs the groups of a step to their end.</summary>
    /// <returns>Episodes.</returns>
    public static async Task<int> EpisodesAsync(AxpoTestCluster cluster, int groups, int step)
    {
        var rollouts = await RolloutsAsync(cluster, groups, step);
        return rollouts.All(r => r.Outcome == Outcome.Correct) ? rollouts.Count : throw new InvalidOperationException("an episode did not end as scripted");
    }

    /// <summary>Runs the groups of a step to their end.</summary>
    /// <returns>What became of each episode.</returns>
    public static async Task<IReadOnlyList<RolloutSummary>> RolloutsAsync(AxpoTestCluster cluster, int groups, int step)
    {
        var results = await Task.WhenAll(Enumerable.Range(0, groups).Select(async question =>
        {
            var group = Group(cluster, question, step);
            var request = new GroupRequest { Samples = GroupSize, Sampling = SamplingOptions.Training() };
            var answer = await group.StartAsync(request);
            while (answer.State == OperationState.Running)
            {
                answer = await group.WaitAsync(request.Operation, Waiting.Longest);
            }

            return answer.Result ?? throw new InvalidOperationException(answer.Error);
        }));
        return [.. results.SelectMany(r => r.Rollouts)];
    }

    /// <summary>Lets the engines forget a step's sessions, as a run does.</summary>
    public static Task ReleaseAsync(AxpoTestCluster cluster, int groups, int step) => Task.WhenAll(Enumerable.Range(0, groups).Select(q => Group(cluster, q, step).ReleaseAsync()));

    private static IGroupGrain Group(AxpoTestCluster cluster, int question, int step) => cluster.Grains.GetGrain<IGroupGrain>(EpisodeId.GroupId("bench", Phase.Train, step, question));

    private static string Script(ScriptedTurn turn) => turn.Turn == 0 && turn.Episode.Rollout % 2 == 0
        ? "<think>use calc</think>" + turn.Call("calc", """{"x":"1"}""")
        : "<think>so</think>" + ScriptedTurn.Answer("7");

    private static Question Ask(int i) => new()
    {
        Id = string.Create(CultureInfo.InvariantCulture, $"q{i}"),
        Suite = "scripted",
        Category = "reasoning",
        Text = "question",
        Answer = "7",
        Verifier = "exact",
        Tools = ["calc"],
    };
}
