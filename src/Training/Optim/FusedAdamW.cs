using Axpo.Training.Devices;
using Axpo.Training.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Optim;

/// <summary>Settings of <see cref="FusedAdamW"/>.</summary>
public sealed record AdamWOptions
{
    /// <summary>Decay of the first moment.</summary>
    public double Beta1 { get; init; } = .9;

    /// <summary>Decay of the second moment.</summary>
    public double Beta2 { get; init; } = .999;

    /// <summary>Added to the root of the second moment.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Decoupled weight decay, on every parameter.</summary>
    public double WeightDecay { get; init; }
}

/// <summary>AdamW (Loshchilov and Hutter 2019) over libtorch's fused kernel.</summary>
public sealed class FusedAdamW : IDisposable
{
    private readonly AdamWOptions _options;
    private readonly (string Name, Tensor Value)[] _parameters;
    private readonly Tensor[] _means;
    private readonly Tensor[] _squares;
    private readonly Tensor _step;
    private readonly Tensor[] _steps;

    /// <summary>Takes parameters, which it makes require gradients, with zero state.</summary>
    public FusedAdamW(IEnumerable<(string Name, Tensor Value)> parameters, AdamWOptions options)
    {
        _options = options;
        _parameters = [.. parameters];
        _means = [.. _parameters.Select(p => Kept(zeros_like(p.Value)))];
        _squares = [.. _parameters.Select(p => Kept(zeros_like(p.Value)))];
        // One count for all of them: a fill a step instead of one a parameter.
        _step = Kept(zeros([], dtype: ScalarType.Float32, device: _parameters[0].Value.device));
        _steps = [.. Enumerable.Repeat(_step, _parameters.Length)];
        foreach (var (_, value) in _parameters)
        {
            value.requires_grad_(true);
        }
    }

    /// <summary>Steps taken.</summary>
    public int Steps { get; private set; }

    /// <summary>Forgets the gradients.</summary>
    public void ZeroGradients()
    {
        foreach (var (_, value) in _parameters)
        {
            if (value.grad is { } gradient)
            {
                gradient.Dispose();
                value.grad = null;
            }
        }
    }

    /// <summary>Scales the gradients so that their global L2 norm is at most <paramref name="max"/>: factor min(1, max / (norm + 1e-6)).</summary>
    /// <param name="max">Largest norm; 0 or less: only measured.</param>
    /// <returns>The norm before.</returns>
    public double ClipGlobalNorm(double max)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var gradients = Gradients();
        // All norms come over in one copy: reading each by itself would wait for the device once a parameter.
        var norm = Math.Sqrt(stack([.. gradients.Select(g => linalg.vector_norm(g))]).Doubles().Sum(n => n * n));
        if (max > 0 && norm + 1e-6 > max)
        {
            var factor = max / (norm + 1e-6);
            foreach (var gradient in gradients)
            {
                gradient.MultiplyBy(factor);
            }
        }

        return norm;
    }

    /// <summary>One step.</summary>
    /// <param name="learningRate">Learning rate.</param>
    public void Step(double learningRate)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var gradients = Gradients();
        Steps++;
        _step.Fill(Steps);
        Aten.FusedAdamW([.. _parameters.Select(p => p.Value)], gradients, _means, _squares, _steps, learningRate, _options.Beta1, _options.Beta2, _options.WeightDecay, _options.Epsilon);
    }

    /// <summary>The state as named tensors: <c>{parameter}.exp_avg</c>, <c>{parameter}.exp_avg_sq</c>, and <c>step</c>. They stay this object's own.</summary>
    public IEnumerable<(string Name, Tensor Value)> State()
    {
        for (var i = 0; i < _parameters.Length; i++)
        {
            yield return (_parameters[i].Name + ".exp_avg", _means[i]);
            yield return (_parameters[i].Name + ".exp_avg_sq", _squares[i]);
        }

        yield return ("step", tensor((long)Steps));
    }

    /// <summary>Takes a state that <see cref="State"/> gave.</summary>
    /// <exception cref="InvalidDataException">A tensor is missing.</exception>
    public void LoadState(IReadOnlyDictionary<string, Tensor> state)
    {
        using var guard = no_grad();
        for (var i = 0; i < _parameters.Length; i++)
        {
            _means[i].copy_(Named(_parameters[i].Name + ".exp_avg"));
            _squares[i].copy_(Named(_parameters[i].Name + ".exp_avg_sq"));
        }

        Steps = (int)Named("step").ToInt64();

        Tensor Named(string name) => state.TryGetValue(name, out var value) ? value : throw new InvalidDataException($"optimizer state: '{name}' is missing");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in _means.Concat(_squares).Append(_step))
        {
            tensor.Dispose();
        }
    }

    private static Tensor Kept(Tensor tensor)
    {
        tensor.DetachFromDisposeScope();
        return tensor;
    }

    private Tensor[] Gradients() => [.. _parameters.Select(p => p.Value.grad ?? zeros_like(p.Value))];
}
