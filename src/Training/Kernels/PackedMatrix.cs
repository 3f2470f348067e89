using static TorchSharp.torch;

namespace Axpo.Training.Kernels;

/// <summary>Weights of a linear layer as <see cref="PanelProduct"/> reads them: packed once, for passes that only go forward. Any number of threads may read it.</summary>
internal sealed unsafe class PackedMatrix : IDisposable
{
    // Of a file in another precision so many rows are in memory twice; a multiple of a panel.
    private const int RowsAtOnce = 4 * PanelProduct.Panel;

    private readonly Tensor _panels;
    private readonly int _inner;

    /// <param name="weight">W [out, in] on the CPU, of any floating type; stays the caller's.</param>
    public PackedMatrix(Tensor weight)
    {
        (Outputs, _inner) = ((int)weight.size(0), (int)weight.size(1));
        using var outer = NewDisposeScope();
        _panels = empty(PanelProduct.Panels(Outputs), _inner, PanelProduct.Panel);
        var to = HostMemory.Floats(_panels);
        for (var first = 0; first < Outputs; first += RowsAtOnce)
        {
            using var scope = NewDisposeScope();
            var count = Math.Min(RowsAtOnce, Outputs - first);
            var rows = weight.narrow(0, first, count).to(ScalarType.Float32).contiguous();
            var from = HostMemory.Floats(rows);
            for (var column = 0; column < count; column += PanelProduct.Panel)
            {
                PanelPacking.Columns(from + ((nint)column * _inner), _inner, _inner, Math.Min(PanelProduct.Panel, count - column), to + ((nint)(first + column) * _inner));
            }
        }

        _panels.DetachFromDisposeScope();
    }

    /// <summary>out.</summary>
    public int Outputs { get; }

    /// <summary>x W^T (+ addend), as a new tensor.</summary>
    /// <param name="x">[n, in], contiguous.</param>
    /// <param name="addend">[n, out], or [out] for every row; null: none.</param>
    /// <returns>[n, out].</returns>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public Tensor Multiply(Tensor x, Tensor? addend = null)
    {
        Require(x.size(1) == _inner && (addend is null || (addend.size(-1) == Outputs && addend.numel() == (addend.dim() == 1 ? Outputs : Outputs * x.size(0)))), x, addend);
        var output = empty(x.size(0), Outputs);
        var added = addend is null ? default : new StridedRows(HostMemory.Floats(addend), (int)x.size(0), addend.dim() == 1 ? 0 : Outputs);
        PanelProduct.Multiply(Strided(x), HostMemory.Floats(_panels), _inner, Outputs, added, Strided(output));
        return output;
    }

    /// <summary>Some columns of x W^T.</summary>
    /// <param name="x">[n, in], contiguous.</param>
    /// <param name="first">First of the columns; a multiple of 32.</param>
    /// <param name="output">[n, columns], contiguous, overwritten.</param>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public void MultiplyInto(Tensor x, int first, Tensor output)
    {
        Require(x.size(1) == _inner && output.size(0) == x.size(0) && first >= 0 && first % PanelProduct.Panel == 0 && first + output.size(1) <= Outputs, x, output);
        PanelProduct.Multiply(Strided(x), HostMemory.Floats(_panels) + ((nint)first * _inner), _inner, (int)output.size(1), default, Strided(output));
    }

    /// <summary>Rows of W.</summary>
    /// <param name="ids">[n] int64.</param>
    /// <returns>[n, in].</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no such row.</exception>
    public Tensor Rows(Tensor ids)
    {
        var rows = empty(ids.size(0), _inner);
        float* to = HostMemory.Floats(rows), panels = HostMemory.Floats(_panels);
        foreach (var id in new ReadOnlySpan<long>(HostMemory.Integers(ids), (int)ids.size(0)))
        {
            if (id < 0 || id >= Outputs)
            {
                throw new ArgumentOutOfRangeException(nameof(ids), id, $"there are {Outputs} rows");
            }

            var from = panels + ((nint)(id / PanelProduct.Panel) * _inner * PanelProduct.Panel) + (id % PanelProduct.Panel);
            for (var i = 0; i < _inner; i++, from += PanelProduct.Panel)
            {
                *to++ = *from;
            }
        }

        return rows;
    }

    /// <inheritdoc/>
    public void Dispose() => _panels.Dispose();

    private void Require(bool fits, Tensor x, Tensor? other)
    {
        if (!fits)
        {
            throw new ArgumentException($"rows [{string.Join(", ", x.shape)}]{(other is null ? "" : $" with [{string.Join(", ", other.shape)}]")} do not fit weights [{Outputs}, {_inner}]", nameof(x));
        }
    }

    private static StridedRows Strided(Tensor x) => new(HostMemory.Floats(x), (int)x.size(0), (nint)x.size(1));
}
