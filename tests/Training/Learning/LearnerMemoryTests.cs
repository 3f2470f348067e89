using Axpo.Core;
using Axpo.Training.Learning;
using Shouldly;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Learning;

/// <summary>Tensors are counted for the whole process, so nothing runs beside these tests.</summary>
[Collection(nameof(Alone))]
public sealed class LearnerMemoryTests(TinyModel model) : IClassFixture<TinyModel>
{
    [Theory]
    [InlineData(LearnerPrecision.Float32, false)]
    [InlineData(LearnerPrecision.Float32, true)]
    [InlineData(LearnerPrecision.Bfloat16, false)]
    public async Task Updates_leave_no_tensor_behind(LearnerPrecision precision, bool checkpointing)
    {
        var token = TestContext.Current.CancellationToken;
        var objective = new ObjectiveOptions
        {
            DualClip = 3,
            EntropyWeight = .01,
            OffPolicyMask = true,
            Correction = new CorrectionOptions { Level = CorrectionLevel.Token },
            Rejection = new RejectionOptions { Statistic = RejectionStatistic.K3 },
        };
        using var learner = await Learner.StartAsync(model.Folder, new RunConfiguration { Objective = objective, Learner = new LearnerOptions { Threads = 1, Precision = precision, Checkpointing = checkpointing, MicroBatchTokens = 64 } }, token);
        await learner.UpdateAsync(Batches.Random(model.Tokenizer.Size, 2, 2, 1, "b1", 1), token);
        var before = Tensor.TotalCount;
        for (var step = 2; step < 6; step++)
        {
            await learner.UpdateAsync(Batches.Random(model.Tokenizer.Size, 2, 2, (ulong)step, $"b{step}", step), token);
        }

        Tensor.TotalCount.ShouldBeLessThanOrEqualTo(before);
    }

    [CollectionDefinition(nameof(Alone), DisableParallelization = true)]
    public sealed class Alone;
}
