using Axpo.Core;
using Axpo.Silo.Runs;
using Axpo.Silo.Storage;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.EndToEnd;

/// <summary>The shipped engine, learner, tools and suite on grains, from the first question to the last checkpoint.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class WholeRunTests(Baseline baseline) : IClassFixture<Baseline>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Two_silos_give_the_same_bits_as_one(int engines)
    {
        var one = await baseline.RunAsync();
        var two = await WholeRun.RunAsync(one.Configuration, 2, engines);
        two.Recording.Engines.ShouldBeInRange(1, engines);
        Same(two, one);
    }

    [Fact]
    public async Task Sixty_four_live_episodes_give_the_same_bits_as_sixteen()
    {
        var sixteen = await baseline.RunAsync();
        var configuration = sixteen.Configuration with
        {
            Rollouts = sixteen.Configuration.Rollouts with { MaxLive = 64 },
            Engine = sixteen.Configuration.Engine with { MaxBatch = 64 },
        };
        var sixtyFour = await WholeRun.RunAsync(configuration);
        sixteen.Recording.Peak.ShouldBeInRange(2, 16);
        sixtyFour.Recording.Peak.ShouldBeInRange(17, 64);
        Same(sixtyFour, sixteen);
    }

    [Fact]
    public async Task Failed_calls_are_resampled_from_their_stored_prefix_whose_keys_and_values_are_shared()
    {
        var run = await baseline.RunAsync();
        var rows = run.Rows.Skip(1).ToArray();
        rows.Select(r => r.Step).ShouldBe([1, 2]);
        rows.ShouldAllBe(r => r.Train!.Triggered > 0 && r.Train.Prefixes > 0 && r.Train.VoidShare == 0);
        var k = run.Configuration.Resample.K;
        foreach (var row in rows)
        {
            var stored = run.Rollouts.Where(r => r.Id.Phase == Phase.Train && r.Id.Step == row.Step).ToDictionary(r => r.Id);
            var continuations = stored.Values.Where(r => !r.Id.Path.IsEmpty).ToArray();
            continuations.Length.ShouldBe(row.Train!.Prefixes * k);
            foreach (var continuation in continuations)
            {
                var source = stored[continuation.Id.Parent!];
                var prefix = source.Calls[continuation.Id.Path.Branches[^1].Boundary].PrefixEnd;
                source.Outcome.ShouldBe(Outcome.Wrong);
                continuation.InheritedTokens.ShouldBe(prefix);
                continuation.Tokens[..prefix].ShouldBe(source.Tokens[..prefix]);
                continuation.SampledTokens.ShouldBeGreaterThan(0);
            }
        }

        var forks = run.Recording.Generations.Where(g => g.Request.ForkOf is not null).ToArray();
        forks.Length.ShouldBe(rows.Sum(r => r.Train!.Prefixes) * k);
        forks.ShouldAllBe(f => f.Request.Tokens.Length == 0 && f.Request.Offset > 0);
        forks.Sum(f => f.Result.PrefilledTokens).ShouldBe(0, "no token of a prefix is computed again");
    }

    [Fact]
    public async Task Only_tokens_that_a_rollout_sampled_itself_carry_loss()
    {
        var run = await baseline.RunAsync();
        var rollouts = run.Rollouts.Where(r => r.Id.Phase == Phase.Train).ToDictionary(r => r.Id);
        run.Recording.Batches.Count.ShouldBe(2);
        var kinds = new HashSet<SegmentKind>();
        foreach (var sequence in run.Recording.Batches.SelectMany(b => b.Sequences))
        {
            var rollout = rollouts[sequence.Id];
            sequence.Tokens.ShouldBe(rollout.Tokens[..sequence.Tokens.Length]);
            foreach (var segment in rollout.Segments)
            {
                for (var t = segment.Start; t < Math.Min(segment.End, sequence.Tokens.Length); t++)
                {
                    var own = segment.IsSampled && t >= rollout.InheritedTokens;
                    sequence.IsLoss[t].ShouldBe(own, $"{sequence.Id}, token {t}, {segment.Kind}");
                    (own || sequence.Advantages[t] == 0).ShouldBeTrue($"{sequence.Id}, token {t}, {segment.Kind}");
                    kinds.Add(segment.Kind);
                }
            }
        }

        kinds.ShouldBe([SegmentKind.Prompt, SegmentKind.Think, SegmentKind.ToolCall, SegmentKind.Observation, SegmentKind.Answer, SegmentKind.EndOfTurn, SegmentKind.Template], ignoreOrder: true);
    }

    [Fact]
    public async Task Whatever_stands_on_prompt_observation_and_template_tokens_the_update_has_the_same_bits()
    {
        var run = await baseline.RunAsync();
        var batch = run.Recording.Batches.First(b => b.Step == 1);
        var poisoned = batch with
        {
            Sequences = [.. batch.Sequences.Select(s => new TrainSequence
            {
                Id = s.Id,
                Question = s.Question,
                Tokens = s.Tokens,
                IsLoss = s.IsLoss,
                Weight = s.Weight,
                Advantages = [.. s.Advantages.Select((a, t) => !s.IsLoss[t] ? 1e6 : a)],
                BehaviorLogProbs = [.. s.BehaviorLogProbs.Select((p, t) => !s.IsLoss[t] ? -50f : p)],
            })],
        };
        run.Files["step-000001-fence-1/model.safetensors"].ShouldBe(await UpdateAsync(batch));
        (await UpdateAsync(poisoned)).ShouldBe(run.Files["step-000001-fence-1/model.safetensors"]);

        async Task<string> UpdateAsync(UpdateBatch update)
        {
            using var folder = new TempFolder();
            var learner = await new TrainingParts(TimeProvider.System, NullLoggerFactory.Instance, new RunFolders(folder.Path)).StartLearnerAsync(run.Configuration, Token);
            using var end = (IDisposable)learner;
            await learner.UpdateAsync(update, Token);
            return (await learner.SaveAsync(Path.Combine(folder.Path, "checkpoint"), Token)).Sha256;
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_learner_finds_the_log_probs_that_the_engine_sampled_with(bool deterministic)
    {
        var run = await baseline.RunAsync();
        if (!deterministic)
        {
            run = await WholeRun.RunAsync(WholeRun.Tiny with { Steps = 1, Engine = new EngineOptions(), Learner = new LearnerOptions() });
        }

        var updates = run.Rows.Where(r => r.Update is not null).Select(r => r.Update!).ToArray();
        updates.Length.ShouldBe(run.Configuration.Steps);
        updates.ShouldAllBe(u => u.LossTokens > 0 && u.MismatchMax < 1e-3 && u.MismatchOutside == 0);
    }

    private static void Same(WholeRun run, WholeRun expected)
    {
        var (got, want) = (run.Trace(), expected.Trace());
        for (var i = 0; i < Math.Min(got.Count, want.Count); i++)
        {
            got[i].ShouldBe(want[i]);
        }

        got.Count.ShouldBe(want.Count);
    }
}
