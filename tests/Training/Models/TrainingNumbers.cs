using System.Text.Json.Nodes;
using Axpo.Training.Models;
using Axpo.Training.Optim;
using Shouldly;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Models;

/// <summary>The reference's loss, gradients and one AdamW step, of what training changes (tolerances: the fixtures' README).</summary>
internal static class TrainingNumbers
{
    public static void ShouldBeMetBy(Decoder model, Dictionary<string, Tensor> cases, JsonObject training)
    {
        var batch = new PaddedBatch(cases, "right");
        ShouldBeMetBy(model.Trained, () => (batch.Nll(model.Logits(batch.Forward(model)), out var tokens), tokens), cases, training);
    }

    /// <param name="trained">What training changes.</param>
    /// <param name="nll">Mean negative log-likelihood of the batch, and how many tokens it is of.</param>
    /// <param name="cases">Gradients and parameters after the step.</param>
    /// <param name="training">The other numbers.</param>
    /// <param name="back">The rest of the way back, behind autograd's; null: there is none.</param>
    public static void ShouldBeMetBy(IReadOnlyList<(string Name, Tensor Value)> trained, Func<(Tensor Loss, long Tokens)> nll, Dictionary<string, Tensor> cases, JsonObject training, Action? back = null)
    {
        using var scope = NewDisposeScope();
        using var optimizer = new FusedAdamW(trained, new AdamWOptions { Beta1 = .9, Beta2 = .95, Epsilon = 1e-8, WeightDecay = .1 });
        var (loss, tokens) = nll();
        tokens.ShouldBe(training["loss_tokens"]!.GetValue<long>());
        loss.ToDouble().ShouldBe(training["nll"]!.GetValue<double>(), 1e-5);
        loss.backward();
        back?.Invoke();
        foreach (var (parameter, value) in trained)
        {
            var norm = training["grad_norms"]![parameter]!.GetValue<double>();
            value.grad!.norm().ToDouble().ShouldBe(norm, 1e-3 * Math.Max(norm, 1e-6), parameter);
            if (cases.TryGetValue("grad." + parameter, out var gradient))
            {
                ((value.grad! - gradient).abs() - (1e-3 * gradient.abs())).max().ToDouble().ShouldBeLessThan(1e-4, parameter);
            }
        }

        var old = trained.ToDictionary(p => p.Name, p => p.Value.detach().clone(), StringComparer.Ordinal);
        var total = training["grad_norm_total"]!.GetValue<double>();
        optimizer.ClipGlobalNorm(1.0).ShouldBe(total, 1e-3 * total);
        optimizer.Step(1e-2);
        using var guard = no_grad();
        foreach (var (parameter, value) in trained)
        {
            var change = training["adamw_change_norms"]![parameter]!.GetValue<double>();
            (value - old[parameter]).norm().ToDouble().ShouldBe(change, 1e-3 * change, parameter);
            if (cases.TryGetValue("adamw." + parameter, out var want))
            {
                var gradient = cases["grad." + parameter].abs();
                var difference = (value - want).abs();
                difference.where(gradient >= 1e-4, zeros_like(difference)).max().ToDouble().ShouldBeLessThan(1e-4, parameter);
                difference.where(gradient == 0, zeros_like(difference)).max().ToDouble().ShouldBeLessThan(1e-6, parameter);
            }
        }

        nll().Loss.ToDouble().ShouldBe(training["nll_after_step"]!.GetValue<double>(), 5e-3);
    }
}
