namespace Axpo.Grains.Episodes;

/// <summary>What an episode shows of itself while it works.</summary>
internal sealed class EpisodeProgress
{
    public int Attempt { get; private set; }

    public int Turns { get; private set; }

    public int Tokens { get; private set; }

    public string? Tool { get; set; }

    public void Begin(int attempt)
    {
        (Attempt, Turns, Tokens, Tool) = (attempt, 0, 0, null);
    }

    public void Report(int turns, int tokens)
    {
        (Turns, Tokens) = (turns, tokens);
    }
}
