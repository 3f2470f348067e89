using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Objectives;

/// <summary>The loss tokens of padded rows, end to end.</summary>
internal sealed class PeerTokens(bool[][] mask)
{
    private readonly (int Row, int T)[] _places = [.. mask.SelectMany((row, i) => Enumerable.Range(0, row.Length).Where(t => row[t]).Select(t => (i, t)))];

    /// <summary>Loss tokens of each row.</summary>
    public int[] Counts { get; } = [.. mask.Select(row => row.Count(m => m))];

    /// <summary>Loss tokens.</summary>
    public int Count => _places.Length;

    /// <summary>Row of each token [m].</summary>
    public Tensor Rows => tensor(_places.Select(p => (long)p.Row).ToArray());

    /// <summary>Values of the loss tokens [m], float64.</summary>
    public Tensor Flat(double[][] grid) => tensor(_places.Select(p => grid[p.Row][p.T]).ToArray(), dtype: ScalarType.Float64);

    /// <summary>Values of the loss tokens a row.</summary>
    public double[][] Jagged(double[][] grid) => [.. mask.Select((row, i) => grid[i].Where((_, t) => row[t]).ToArray())];

    /// <summary>The inverse of <see cref="Flat"/>: 0 off the mask.</summary>
    public double[][] Scatter(IReadOnlyList<double> values)
    {
        double[][] grid = [.. mask.Select(row => new double[row.Length])];
        for (var j = 0; j < _places.Length; j++)
        {
            grid[_places[j].Row][_places[j].T] = values[j];
        }

        return grid;
    }
}
