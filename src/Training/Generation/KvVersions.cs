namespace Axpo.Training.Generation;

/// <summary>Which weights computed the KV of each token of a session, as runs. Weights are counted by the engine: 0 are those that it started with.</summary>
internal sealed class KvVersions
{
    private readonly List<(int End, int Weights)> _runs = [];

    /// <summary>Tokens.</summary>
    public int Count => _runs.Count == 0 ? 0 : _runs[^1].End;

    /// <summary>The runs: where each ends (exclusive), and its weights.</summary>
    public IReadOnlyList<(int End, int Weights)> Runs => _runs;

    /// <summary>Tokens, from the first on, that these weights computed: what a fresh sequence may reuse.</summary>
    public int Leading(int weights) => _runs.Count > 0 && _runs[0].Weights == weights ? _runs[0].End : 0;

    /// <summary>The next tokens were computed.</summary>
    public void Add(int tokens, int weights)
    {
        if (tokens == 0)
        {
            return;
        }

        var end = Count + tokens;
        if (_runs.Count > 0 && _runs[^1].Weights == weights)
        {
            _runs[^1] = (end, weights);
        }
        else
        {
            _runs.Add((end, weights));
        }
    }

    /// <summary>Keeps the first tokens.</summary>
    public void Truncate(int tokens)
    {
        while (_runs.Count > 0 && Start(_runs.Count - 1) >= tokens)
        {
            _runs.RemoveAt(_runs.Count - 1);
        }

        if (Count > tokens)
        {
            _runs[^1] = (tokens, _runs[^1].Weights);
        }
    }

    /// <summary>Becomes the record of another's first tokens.</summary>
    public void CopyFrom(KvVersions source, int tokens)
    {
        _runs.Clear();
        _runs.AddRange(source._runs);
        Truncate(tokens);
    }

    private int Start(int run) => run == 0 ? 0 : _runs[run - 1].End;
}
