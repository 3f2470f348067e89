using System.Globalization;
using Axpo.Core;
using Axpo.Environments.Suites;
using Axpo.Grains.Abstractions;
using Axpo.Imaging;
using Axpo.Silo.Runs;
using Axpo.Silo.Storage;
using Axpo.Silo.Tests.Storage;
using Axpo.Training.Chat;

namespace Axpo.Silo.Tests.Reports;

/// <summary>
/// A made-up training run of the shape of the quickstart, written with the real stores: metrics of every step, rollouts and continuations of the newest ones in the
/// real chat format. Its figures are invented; nothing is trained.
/// </summary>
internal sealed class SyntheticRun(RunFolders folders, string modelFolder)
{
    public const string Name = "synthetic";

    private readonly ChanceKey _key = ChanceKey.Root(11).With("synthetic");
    private readonly MentalArithmetic _suite = new();
    private readonly Dictionary<(int Step, int Question, int Index), ImageRef> _images = [];

    /// <summary>Where calls zoom in, the right place first.</summary>
    private static string[] Parts { get; } = ["300,400,600,700", "0,0,250,250", "550,100,1000,480"];

    private static string Second => "200,100,800,900";

    public RunConfiguration Configuration { get; init; } = new() { Seed = 3, Steps = 60 };

    /// <summary>Steps whose rollouts are written, from the newest back.</summary>
    public int Stored { get; init; } = 8;

    /// <summary>What every observation holds besides the result.</summary>
    public string Observed { get; init; } = "";

    /// <summary>Whether questions show images and calls zoom into them; the model folder's chat format must see.</summary>
    public bool Shows { get; init; }

    public async Task WriteAsync(CancellationToken cancellationToken)
    {
        var configuration = Configuration with { Model = modelFolder };
        await new RunManifests(folders).CreateAsync(
            new RunManifest
            {
                Name = Name,
                Kind = RunKind.Train,
                Created = new DateTimeOffset(2026, 11, 24, 9, 30, 0, TimeSpan.Zero),
                ModelSha256 = "7f3a9c0d52e1b86644aa0917cd5e2f38a1b0c4d7e8f90123456789abcdef0123",
                Configuration = configuration,
            },
            cancellationToken);
        var log = new FileRunLog(folders);
        for (var step = 0; step <= configuration.Steps; step++)
        {
            await log.WriteAsync(Name, Row(step), cancellationToken);
        }

        var chat = ChatFormats.FromFolder(modelFolder);
        await using var store = new FileTrajectoryStore(folders);
        for (var step = Math.Max(1, configuration.Steps - Stored + 1); step <= configuration.Steps; step++)
        {
            var questions = Questions(step);
            for (var q = 0; Shows && q < questions.Count; q++)
            {
                await StoreImagesAsync(step, q, cancellationToken);
            }

            await Task.WhenAll(questions.SelectMany((question, q) => Group(chat, question, step, q)).Select(r => store.PutAsync(r, cancellationToken).AsTask()));
        }

        await log.DropAsync(Name, new DropRecord(new EpisodeId(Name, Phase.Train, configuration.Steps, 0, 7), VoidCause.ToolUnavailable, "python: /usr/lib/axpo/zygote.py did not start", 3), cancellationToken);
    }

    public IReadOnlyList<Question> Questions(int step) => _suite.Draw(Split.Train, _key.With("questions").With((ulong)step), Configuration.Rollouts.Questions);

    public MetricsRow Row(int step)
    {
        var chance = _key.With("row").With((ulong)step).Stream();
        var done = step / (double)Math.Max(1, Configuration.Steps);
        var isLast = step == Configuration.Steps;
        var evaluates = step % Configuration.Evaluation.Every == 0 || isLast;
        var questions = step == 0 || isLast ? Configuration.Evaluation.FinalQuestions : Configuration.Evaluation.Questions;
        var tool = .24 + (.38 * done);
        var wrong = .46 - (.2 * done);
        return new MetricsRow
        {
            Step = step,
            Train = step == 0 ? null : new RolloutMetrics
            {
                Questions = 16,
                Rollouts = 128,
                Accuracy = Around(.58 + (.2 * done), .07),
                ToolUse = Around(tool, .07),
                AccuracyTool = step == 7 ? null : Around(.5 + (.32 * done), .1),
                AccuracyNoTool = Around(.6 + (.08 * done), .08),
                AllWrongToolBefore = step == 7 ? null : Around(wrong, .12),
                AllWrongToolAfter = step == 7 ? null : Around(wrong * .55, .1),
                AllWrongNoTool = Around(.26 - (.05 * done), .08),
                Triggered = 3 + chance.Next(6),
                Prefixes = step is 7 or 23 or 24 ? 0 : 8,
                Recovery = step is 7 or 23 or 24 ? null : Around(.5 + (.2 * done), .15),
                ExtraTokens = 500 + chance.Next(300),
                ExtraTokensPerRecovery = step is 7 or 23 or 24 ? null : 120 + chance.Next(120),
                VoidShare = step == Configuration.Steps ? 1 / 128.0 : 0,
                SampledTokens = 3600 + chance.Next(900),
                Entropy = .42 - (.2 * done) + (.05 * chance.NextDouble()),
                Turns = 1 + tool,
            },
            Update = step == 0 ? null : new UpdateResult
            {
                Step = step,
                Loss = (chance.NextDouble() - .55) * .1,
                PolicyLoss = (chance.NextDouble() - .55) * .1,
                Kl = .0004 + (.09 * done * (1 + (.3 * chance.NextDouble()))),
                ClipFraction = .004 + (.02 * chance.NextDouble()),
                Entropy = .4 - (.18 * done) + (.06 * chance.NextDouble()),
                GradientNorm = .5 + (.5 * chance.NextDouble()),
                LearningRate = 1e-4,
                MismatchMean = 4e-6 + (4e-6 * chance.NextDouble()),
                MismatchK3 = 2e-9 + (3e-9 * chance.NextDouble()),
                MismatchOutside = 0,
                MismatchMax = 2e-5 + (4e-5 * chance.NextDouble()),
                LossTokens = 3000 + chance.Next(400),
                TrainedTokens = 5200 + chance.Next(600),
            },
            Eval = evaluates ? Evaluation(questions, .57 + (.17 * done), .15 + (.4 * done), chance) : null,
            EvalT1 = evaluates ? Evaluation(questions, .52 + (.18 * done), tool, chance) : null,
            Timing = new TimingMetrics
            {
                Rollout = step == 0 ? 0 : 1.1 + (.4 * chance.NextDouble()),
                Resample = step == 0 ? 0 : .3 + (.2 * chance.NextDouble()),
                Update = step == 0 ? 0 : 1.2 + (.3 * chance.NextDouble()),
                Evaluation = evaluates ? questions / 30.0 : 0,
                Step = step == 0 ? 0 : 3.1,
                TokensPerSecond = step == 0 ? 0 : 2300 + (500 * chance.NextDouble()),
            },
        };

        double Around(double mean, double spread) => Math.Clamp(mean + ((chance.NextDouble() - .5) * 2 * spread), 0, 1);
    }

    private static EvaluationMetrics Evaluation(int questions, double pass, double tool, ChanceStream chance)
    {
        double[] perQuestion = [.. Enumerable.Range(0, questions).Select(_ => Enumerable.Range(0, 4).Count(_ => chance.NextDouble() < pass) / 4.0)];
        return new EvaluationMetrics
        {
            Questions = questions,
            Samples = 4,
            Pass1 = perQuestion.Average(),
            PassK = perQuestion.Count(p => p > 0) / (double)questions,
            ToolUse = tool,
            AccuracyTool = pass + .08,
            AccuracyNoTool = pass - .04,
            AllWrongTool = .4 - (tool * .3),
            AllWrongNoTool = .2,
            Pass1ByCategory = new Dictionary<string, double>(StringComparer.Ordinal) { ["reasoning"] = perQuestion.Average() },
            PerQuestion = perQuestion,
        };
    }

    private IEnumerable<Rollout> Group(IChatFormat chat, Question question, int step, int q)
    {
        var chance = _key.With("group").With((ulong)step).With((ulong)q).Stream();
        var fails = chance.NextDouble() < .35;
        Rollout? source = null;
        for (var n = 0; n < Configuration.Rollouts.GroupSize - (step == Configuration.Steps && q == 0 ? 1 : 0); n++)
        {
            var tool = chance.NextDouble() < .45;
            var correct = chance.NextDouble() < .6 && !(tool && fails);
            var rollout = Of(chat, question, new EpisodeId(Name, Phase.Train, step, q, n), tool, correct, chance, null);
            source ??= tool && fails ? rollout : null;
            yield return rollout;
        }

        if (source is not null && q < 12)
        {
            var luck = chance.NextDouble();
            for (var k = 0; k < Configuration.Resample.K; k++)
            {
                yield return Of(chat, question, source.Id.Fork(0, k), true, chance.NextDouble() < luck - .2, chance, source);
            }
        }
    }

    private Rollout Of(IChatFormat chat, Question question, EpisodeId id, bool tool, bool correct, ChanceStream chance, Rollout? source)
    {
        var trace = _suite.Demonstrate(question, tool, _key);
        if (!correct)
        {
            var wrong = (int.Parse(question.Answer, CultureInfo.InvariantCulture) + 1 + chance.Next(9)).ToString(CultureInfo.InvariantCulture);
            var mistake = chance.Next(3);
            trace = trace with
            {
                Answer = wrong,
                Steps = [.. trace.Steps.Select(s => mistake switch
                {
                    0 => s with { ArgumentsJson = s.ArgumentsJson.Replace("print(", "print[", StringComparison.Ordinal), Observation = "TypeError: 'builtin_function_or_method' object is not subscriptable" },
                    1 => s with { ArgumentsJson = s.ArgumentsJson.Replace("print(", "print(1", StringComparison.Ordinal), Observation = wrong },
                    _ => s,
                })],
            };
        }

        IReadOnlyList<IReadOnlyList<ImageRef>>? images = null;
        if (Shows)
        {
            (trace, images) = Zooming(trace, id, correct ? 0 : 1 + chance.Next(2));
        }

        trace = trace with { Steps = [.. trace.Steps.Select(s => s with { Observation = s.Observation + Observed })] };
        var piece = chat.EncodeTrace(trace, [], images);
        var n = piece.Tokens.Length;
        ToolCall[] calls = [.. piece.Segments.Where(s => s.Kind == SegmentKind.ToolCall).Select((s, i) => new ToolCall
        {
            Turn = i,
            Start = s.Start,
            PrefixEnd = s.Start + 1,
            End = s.End,
            Closed = true,
            Name = trace.Steps[i].Tool,
            Arguments = trace.Steps[i].ArgumentsJson,
            Observation = trace.Steps[i].Observation,
        })];
        var (logProbs, entropies, versions) = (new float[n], new float[n], new int[n]);
        Array.Fill(logProbs, float.NaN);
        Array.Fill(entropies, float.NaN);
        Array.Fill(versions, -1);
        foreach (var segment in piece.Segments.Where(s => s.IsSampled))
        {
            for (var t = segment.Start; t < segment.End; t++)
            {
                (logProbs[t], entropies[t], versions[t]) = ((float)(-.9 * chance.NextDouble()), .3f, id.Step - 1);
            }
        }

        return new Rollout
        {
            Id = id,
            QuestionId = question.Id,
            Suite = question.Suite,
            Tokens = piece.Tokens,
            LogProbs = logProbs,
            Entropies = entropies,
            Versions = versions,
            Segments = piece.Segments,
            Calls = calls,
            Outcome = correct ? Outcome.Correct : Outcome.Wrong,
            End = EndReason.Answered,
            Answer = trace.Answer,
            Turns = 1 + calls.Length,
            InheritedTokens = source?.Calls[0].PrefixEnd ?? 0,
            Images = piece.Images,
        };
    }

    /// <summary>The same trace with a zoom into the question's image in place of its call, and one into the crop where the first was at the right place.</summary>
    private (TeacherTrace Trace, IReadOnlyList<IReadOnlyList<ImageRef>> Images) Zooming(TeacherTrace trace, EpisodeId id, int part)
    {
        IReadOnlyList<ImageRef>[] images = [[_images[(id.Step, id.Question, 0)]], [_images[(id.Step, id.Question, 1 + part)]], [_images[(id.Step, id.Question, 1 + Parts.Length)]]];
        TeacherStep[] steps = [new("use image_zoom_in", "image_zoom_in", $$"""{"bbox_2d":[{{Parts[part]}}]}""", "image 1"), new("then image_zoom_in", "image_zoom_in", $$"""{"bbox_2d":[{{Second}}],"img_idx":1}""", "image 2")];
        var count = trace.Steps.Count == 0 ? 0 : part == 0 ? 2 : 1;
        return (trace with { Question = trace.Question with { Images = ["canvas"] }, Steps = [.. steps.Take(count)] }, images[..(1 + count)]);
    }

    private async Task StoreImagesAsync(int step, int q, CancellationToken cancellationToken)
    {
        var store = new FileImageStore(folders);
        var canvas = ImageFiles.Canvas((step * 100) + q);
        Picture[] all = [canvas, .. Parts.Select(p => ImageFiles.Crop(canvas, p)), ImageFiles.Crop(ImageFiles.Crop(canvas, Parts[0]), Second)];
        foreach (var (i, picture) in all.Index())
        {
            _images[(step, q, i)] = await store.PutAsync(Name, PictureEncoder.Png(picture), cancellationToken);
        }
    }
}
