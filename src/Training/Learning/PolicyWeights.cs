using Axpo.Training.Models;
using Axpo.Training.Native;
using Axpo.Training.Optim;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Learning;

/// <summary>
/// The weights that are trained: float32 masters with their optimizer, and what passes are computed with. In float32 these are one; otherwise the latter are a rounded copy, renewed after every step, whose gradients
/// are added to the masters' in float32 after every micro-batch.
/// </summary>
internal sealed class PolicyWeights : IDisposable
{
    private readonly FusedAdamW _optimizer;

    /// <summary>Takes the masters, whose owner it becomes.</summary>
    public PolicyWeights(Decoder masters, AdamWOptions options, ScalarType precision)
    {
        Masters = masters;
        _optimizer = new FusedAdamW(masters.Trained, options);
        Compute = masters;
        if (precision != ScalarType.Float32)
        {
            Compute = masters.Clone(precision);
            foreach (var (_, value) in Compute.Trained)
            {
                value.requires_grad_(true);
            }
        }
    }

    /// <summary>float32; what checkpoints hold.</summary>
    public Decoder Masters { get; }

    /// <summary>What passes are computed with.</summary>
    public Decoder Compute { get; }

    /// <summary>Optimizer steps taken.</summary>
    public int Steps => _optimizer.Steps;

    /// <summary>Where the weights live.</summary>
    public Device Device => Masters.Device;

    /// <summary>The optimizer's state.</summary>
    public IEnumerable<(string Name, Tensor Value)> OptimizerState() => _optimizer.State();

    /// <summary>Takes an optimizer's state.</summary>
    /// <exception cref="InvalidDataException">A tensor is missing.</exception>
    public void LoadOptimizer(IReadOnlyDictionary<string, Tensor> state) => _optimizer.LoadState(state);

    /// <summary>Takes other weights.</summary>
    public void Take(Decoder other)
    {
        Masters.CopyFrom(other);
        Renew();
    }

    /// <summary>Forgets the gradients.</summary>
    public void ZeroGradients() => _optimizer.ZeroGradients();

    /// <summary>Adds the gradients of a micro-batch to the masters'.</summary>
    public void GatherGradients()
    {
        if (Compute == Masters)
        {
            return;
        }

        using var guard = no_grad();
        foreach (var ((_, master), (_, compute)) in Masters.Trained.Zip(Compute.Trained))
        {
            using var scope = NewDisposeScope();
            if (compute.grad is not { } gradient)
            {
                continue;
            }

            var precise = gradient.to(ScalarType.Float32);
            master.grad = master.grad is { } sum ? sum.Plus(precise) : precise;
            compute.grad = null;
        }
    }

    /// <summary>Scales the gradients to a global norm (<see cref="FusedAdamW.ClipGlobalNorm"/>).</summary>
    public double ClipGlobalNorm(double max) => _optimizer.ClipGlobalNorm(max);

    /// <summary>One optimizer step.</summary>
    public void Step(double rate)
    {
        _optimizer.Step(rate);
        Renew();
    }

    /// <summary>Keeps weights and optimizer as they are, to go back to.</summary>
    public Memory Remember() => new(this);

    /// <inheritdoc/>
    public void Dispose()
    {
        _optimizer.Dispose();
        Compute.Dispose();
        Masters.Dispose();
    }

    private void Renew()
    {
        if (Compute != Masters)
        {
            Compute.CopyFrom(Masters);
        }
    }

    /// <summary>What a failed batch is undone to.</summary>
    public sealed class Memory : IDisposable
    {
        private readonly PolicyWeights _of;
        private readonly Tensor[] _weights;
        private readonly Dictionary<string, Tensor> _state;

        internal Memory(PolicyWeights of)
        {
            _of = of;
            _weights = [.. of.Masters.Trained.Select(p => p.Value.detach().clone().DetachFromDisposeScope())];
            _state = of.OptimizerState().ToDictionary(s => s.Name, s => s.Value.clone().DetachFromDisposeScope(), StringComparer.Ordinal);
        }

        /// <summary>Goes back.</summary>
        public void Restore()
        {
            using (no_grad())
            {
                foreach (var ((_, value), kept) in _of.Masters.Trained.Zip(_weights))
                {
                    value.copy_(kept);
                }
            }

            _of.Renew();
            _of.LoadOptimizer(_state);
        }

        /// <inheritdoc/>
        public void Dispose()
        {
            foreach (var value in _weights.Concat(_state.Values))
            {
                value.Dispose();
            }
        }
    }
}
