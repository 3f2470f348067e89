using System.Diagnostics;
using System.Globalization;
using Axpo.Core;
using Axpo.Training.Learning;
using Axpo.Training.Models;
using Axpo.Training.Objectives;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Bench;

/// <summary>
/// What the objective costs beside the model: advantages of a batch of 64 rollouts of 512 tokens, token weights, correction and rejection, loss and its gradient down to the log-probs, as a share of the learner's
/// step at 25 M parameters. The step is measured with a sixteenth of the rollouts and scaled by tokens (a whole one takes minutes on two cores; attention and head grow with the tokens too, since every length is the same).
/// It counts by processor time over threads, which is the least that it takes by the clock, and the objective by the clock: neighbours on the machine can only make the share larger.
/// </summary>
internal static class ObjectiveBench
{
    private const int Rounds = 9;
    private const int StepRounds = 2;
    private const int WarmUp = 10;
    private const int Questions = 8;
    private const int GroupSize = 8;
    private const int Length = 512;
    private const int Prompt = 64;
    private const int StepPart = 16;
    private const double Budget = .02;

    private static readonly ObjectiveOptions _everything = new()
    {
        DualClip = 3,
        RatioCap = 5,
        LogRatioClamp = 20,
        KlInputClamp = 20,
        KlClamp = 10,
        KlTimesRatio = true,
        OffPolicyMask = true,
        Correction = new CorrectionOptions { Level = CorrectionLevel.Token, Normalise = true },
        Rejection = new RejectionOptions { Statistic = RejectionStatistic.K3, Level = RejectionLevel.SequenceMean },
    };

    public static async Task<IReadOnlyList<Row>> RunAsync()
    {
        set_num_threads(Environment.ProcessorCount);
        var step = await StepAsync();
        return [.. PolicyLosses.Names.Select(n => (n, new ObjectiveOptions { Loss = n })).Append(("ppo, everything on", _everything)).Select(x => Line(x.Item1, x.Item2, step))];
    }

    private static Row Line(string name, ObjectiveOptions options, double step)
    {
        var configuration = new RunConfiguration { Objective = options, Rollouts = new RolloutOptions { Questions = Questions, GroupSize = GroupSize } };
        var groups = Enumerable.Range(0, Questions).Select(q => Enumerable.Range(0, GroupSize).Select(i => Rollout(q, i)).ToArray()).ToArray();
        List<double> advantages = [], weights = [], losses = [];
        for (var round = -WarmUp; round < Rounds; round++)
        {
            var clock = Stopwatch.StartNew();
            var batch = AdvantageAssigner.Assign("b", 1, groups, ResamplePlan.None(Questions), [], configuration);
            var assigned = clock.Elapsed.TotalMilliseconds;
            var tokens = Length - Prompt;
            var rows = LossWeights.Of([.. batch.Sequences.Select(_ => tokens)], [.. batch.Sequences.Select(s => s.Weight)], LossDivisors.Of(configuration, Questions));
            float[] old = [.. Enumerable.Range(0, tokens).Select(t => -1 - (t % 7 * .1f))];
            double[][] ratios = [.. batch.Sequences.Select(s => EngineCorrection.LogRatios(old, s.BehaviorLogProbs.AsSpan(Prompt)))];
            var correction = EngineCorrection.Of(ratios, options.Correction);
            var kept = Rejection.Kept(ratios, options.Rejection);
            var weighed = clock.Elapsed.TotalMilliseconds;
            Loss(batch, rows, old, correction, kept, options);
            if (round >= 0)
            {
                advantages.Add(assigned);
                weights.Add(weighed - assigned);
                losses.Add(clock.Elapsed.TotalMilliseconds - weighed);
            }
        }

        var share = (Rate.Median(advantages) + Rate.Median(weights) + Rate.Median(losses)) / 1000 / step;
        return Row.AtMost(
            $"objective `{name}` of {Questions * GroupSize} rollouts of {Length} tokens / the step at 25 M parameters",
            string.Create(CultureInfo.InvariantCulture, $"advantages {Rate.Median(advantages):F1} ms, weights, correction, rejection {Rate.Median(weights):F1} ms, loss and gradient {Rate.Median(losses):F1} ms"),
            string.Create(CultureInfo.InvariantCulture, $"at least {step:F0} s ({Questions * GroupSize / StepPart} rollouts times {StepPart})"),
            share,
            Budget);
    }

    private static void Loss(UpdateBatch batch, double[] rows, float[] old, CorrectionWeights correction, bool[][] kept, ObjectiveOptions options)
    {
        using var scope = NewDisposeScope();
        var current = Flat(_ => old.Select((x, t) => x + (((t % 5) - 2) * .1f))).requires_grad_(true);
        var places = tensor(batch.Sequences.SelectMany((_, i) => Enumerable.Repeat((long)i, old.Length)).ToArray());
        var tokens = new LossTokens(current, Flat(_ => old), Flat(i => batch.Sequences[i].Advantages.Skip(Prompt).Select(a => (float)a)), places, batch.Sequences.Count);
        var inputs = new ObjectiveInputs(tokens, Flat(i => Enumerable.Repeat((float)rows[i], old.Length)))
        {
            Reference = Flat(_ => old.Select(x => x - .05f)),
            Correction = options.Correction.Level == CorrectionLevel.None ? null : Flat(i => correction.Weights[i].Select((w, t) => kept[i][t] ? (float)w : 0)),
            Behaviour = options.OffPolicyMask ? Flat(i => batch.Sequences[i].BehaviorLogProbs.Skip(Prompt)) : null,
        };
        PolicyObjective.Compute(PolicyLosses.Get(options.Loss), inputs, options).Loss.backward();

        Tensor Flat(Func<int, IEnumerable<float>> values) => tensor(Enumerable.Range(0, batch.Sequences.Count).SelectMany(values).ToArray());
    }

    private static async Task<double> StepAsync()
    {
        var root = Directory.CreateTempSubdirectory("axpo-bench-").FullName;
        try
        {
            using (var decoder = Decoder.Create(Shapes.Middle, 1))
            {
                decoder.Save(Path.Combine(root, "middle"));
            }

            var configuration = new RunConfiguration { Rollouts = new RolloutOptions { GroupSize = GroupSize } };
            using var learner = await Learner.StartAsync(Path.Combine(root, "middle"), configuration, CancellationToken.None);
            var seconds = new List<double>();
            for (var round = 0; round <= StepRounds; round++)
            {
                var groups = Enumerable.Range(0, 2).Select(q => Enumerable.Range(0, Questions * GroupSize / StepPart / 2).Select(i => Rollout(q, i)).ToArray()).ToArray();
                var batch = AdvantageAssigner.Assign("b", round + 1, groups, ResamplePlan.None(2), [], configuration);
                var before = Environment.CpuUsage.TotalTime;
                await learner.UpdateAsync(batch, CancellationToken.None);
                if (round > 0)
                {
                    seconds.Add((Environment.CpuUsage.TotalTime - before).TotalSeconds / Environment.ProcessorCount);
                }
            }

            return seconds.Min() * StepPart;
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    private static Rollout Rollout(int question, int index)
    {
        var stream = ChanceKey.Root((ulong)question).With((ulong)index).Stream();
        return new Rollout
        {
            Id = new EpisodeId("bench", Phase.Train, 1, question, index),
            QuestionId = "q",
            Suite = "bench",
            Tokens = [.. Enumerable.Range(0, Length).Select(_ => stream.Next(Shapes.Middle.VocabSize))],
            LogProbs = [.. Enumerable.Range(0, Length).Select(t => t < Prompt ? float.NaN : -1 - (.3f * (float)stream.NextDouble()))],
            Entropies = new float[Length],
            Versions = new int[Length],
            Segments = [new Segment(SegmentKind.Prompt, 0, Prompt), new Segment(SegmentKind.Think, Prompt, Length)],
            Calls = [],
            Outcome = index % 2 == 0 ? Outcome.Correct : Outcome.Wrong,
            End = EndReason.Answered,
            Turns = 1,
            InheritedTokens = 0,
        };
    }
}
