namespace Axpo.Training.Generation;

/// <summary>What one step does for one sequence.</summary>
/// <param name="Sequence">The sequence.</param>
/// <param name="From">First token to compute.</param>
/// <param name="Count">Tokens to compute; 0 when only sampling is left (a shared prefix).</param>
/// <param name="Sample">Whether a token is sampled after them.</param>
internal readonly record struct StepWork(Sequence Sequence, int From, int Count, bool Sample)
{
    /// <summary>What it costs, in rows.</summary>
    public int Rows => Math.Max(1, Count);
}

/// <summary>One worker's share of a step, and what came of it.</summary>
internal sealed class StepShare
{
    public List<StepWork> Work { get; } = [];

    public int Rows { get; private set; }

    /// <summary>One a piece of work; default where nothing was sampled.</summary>
    public List<SampledToken> Sampled { get; } = [];

    /// <summary>Why a piece's logits could not be sampled from; null: they could. One a piece of work.</summary>
    public List<string?> Errors { get; } = [];

    /// <summary>Why the whole share failed.</summary>
    public Exception? Failure { get; set; }

    public void Add(StepWork work)
    {
        Work.Add(work);
        Rows += work.Rows;
    }

    public void Clear()
    {
        Work.Clear();
        Sampled.Clear();
        Errors.Clear();
        Failure = null;
        Rows = 0;
    }
}
