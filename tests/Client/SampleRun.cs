using Axpo.Grains.Abstractions;
using Axpo.Silo.Runs;
using Axpo.Silo.Storage;
using Axpo.Training.Chat;

namespace Axpo.Client.Tests;

/// <summary>A small stored run whose tokens are those of the shipped tokenizer.</summary>
internal static class SampleRun
{
    public static readonly string Repository = Above();

    public static readonly string Model = Path.Combine(Repository, "models", "axpo-tiny-gap");

    public static readonly RunConfiguration Configuration = new()
    {
        Model = Model,
        Steps = 2,
        Rollouts = new RolloutOptions
        {
            Questions = 2,
            GroupSize = 2,
        },
    };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>Writes a manifest.</summary>
    public static async Task CreateAsync(RunFolders folders, string name, int day = 1, RunKind kind = RunKind.Train, string? cluster = null) => await new RunManifests(folders).CreateAsync(
        new RunManifest
        {
            Name = name,
            Kind = kind,
            Created = new DateTimeOffset(2026, 1, day, 12, 0, 0, TimeSpan.Zero),
            ModelSha256 = "00",
            Cluster = cluster,
            Configuration = Configuration,
        },
        Token);

    /// <summary>Writes the rows of the first steps, the last one evaluated.</summary>
    public static async Task WriteRowsAsync(RunFolders folders, string name, int steps)
    {
        var log = new FileRunLog(folders);
        for (var step = 0; step <= steps; step++)
        {
            await log.WriteAsync(name, Row(step, evaluated: step == 0 || step == steps), Token);
        }
    }

    /// <summary>Stores a question's wrong rollout with a call, a continuation of it that is right, and a void one.</summary>
    public static async Task<(Rollout Source, Rollout Continuation, Rollout Lost)> WriteEpisodesAsync(RunFolders folders, string name)
    {
        await CreateAsync(folders, name);
        var chat = ChatFormats.FromFolder(Model);
        await using var store = new FileTrajectoryStore(folders);
        var question = new QuestionMix([(new Axpo.Environments.Suites.MentalArithmetic(), 1)]).Draw(Configuration.Seed, Phase.Train, 1, Split.Train, 2)[0];
        var source = Episode(chat, new EpisodeId(name, Phase.Train, 1, 0, 0), question, "print(1)\nprint(\u001b[31m)", "1\u001b]0;owned\u0007", "99", Outcome.Wrong, 0);
        var continuation = Episode(chat, source.Id.Fork(0, 1), question, "print(2)", "2", question.Answer, Outcome.Correct, source.Calls[0].PrefixEnd);
        var lost = source with
        {
            Id = new EpisodeId(name, Phase.Train, 1, 0, 1),
            Outcome = Outcome.Void,
            Cause = VoidCause.ToolDeadline,
            Detail = "python took too long",
            End = EndReason.Void,
            Attempts = 3,
        };
        foreach (var rollout in new[] { source, continuation, lost })
        {
            await store.PutAsync(rollout, Token);
        }

        return (source, continuation, lost);
    }

    private static Rollout Episode(IChatFormat chat, EpisodeId id, Question question, string code, string observation, string answer, Outcome outcome, int inherited)
    {
        var arguments = System.Text.Json.JsonSerializer.Serialize(new Dictionary<string, string> { ["code"] = code });
        var piece = chat.EncodeTrace(new TeacherTrace(question, [new TeacherStep("use python", "python", arguments, observation)], null, answer), []);
        var call = piece.Segments.Single(s => s.Kind == SegmentKind.ToolCall);
        var sampled = piece.Segments.Where(s => s.IsSampled).SelectMany(s => Enumerable.Range(s.Start, s.Length)).ToHashSet();
        float[] Each(Func<int, float> of) => [.. Enumerable.Range(0, piece.Tokens.Length).Select(t => sampled.Contains(t) ? of(t) : float.NaN)];
        return new Rollout
        {
            Id = id,
            QuestionId = question.Id,
            Suite = question.Suite,
            Tokens = piece.Tokens,
            LogProbs = Each(t => -.25f * t),
            Entropies = Each(_ => .5f),
            Versions = [.. Enumerable.Range(0, piece.Tokens.Length).Select(t => sampled.Contains(t) ? 0 : -1)],
            Segments = piece.Segments,
            Calls =
            [
                new ToolCall
                {
                    Turn = 0,
                    Start = call.Start,
                    PrefixEnd = call.Start + 1,
                    End = call.End,
                    Closed = true,
                    Name = "python",
                    Arguments = arguments,
                    Observation = observation,
                },
            ],
            Outcome = outcome,
            End = EndReason.Answered,
            Answer = answer,
            Turns = 2,
            InheritedTokens = inherited,
        };
    }

    private static MetricsRow Row(int step, bool evaluated) => new()
    {
        Step = step,
        Train = step == 0 ? null : new RolloutMetrics
        {
            Questions = 2,
            Rollouts = 4,
            Accuracy = .25 * step,
            ToolUse = .5,
        },
        Eval = evaluated ? Figures(.25) : null,
        EvalT1 = evaluated ? Figures(.125) : null,
    };

    private static EvaluationMetrics Figures(double share) => new()
    {
        Questions = 40,
        Samples = 4,
        Pass1 = share,
        PassK = 2 * share,
        ToolUse = share / 2,
    };

    private static string Above()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Axpo.sln")))
        {
            folder = folder.Parent ?? throw new DirectoryNotFoundException("Axpo.sln is nowhere above the tests");
        }

        return folder.FullName;
    }
}
