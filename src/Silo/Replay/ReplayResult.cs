namespace Axpo.Silo.Replay;

/// <summary>What a replay of an episode came to.</summary>
/// <param name="Episode">The episode.</param>
/// <param name="Tokens">Tokens of the stored rollout, prompt and observations included.</param>
/// <param name="Calls">Calls of the stored rollout.</param>
/// <param name="IsDeterministic">Whether the run was in deterministic mode, so that every log-prob must be the same bits.</param>
/// <param name="WeightsStep">Step of the weights that sampled it.</param>
/// <param name="WeightsFolder">Folder of those weights.</param>
/// <param name="Difference">The first difference; null: identical.</param>
/// <param name="Text">Text around it; null if it is at no token.</param>
public sealed record ReplayResult(EpisodeId Episode, int Tokens, int Calls, bool IsDeterministic, int WeightsStep, string WeightsFolder, RolloutDifference? Difference, ReplayText? Text)
{
    /// <summary>Log-probs of a run outside deterministic mode may be so far apart, in nats.</summary>
    public const float Tolerance = 1e-4f;

    /// <summary>Whether the same came again.</summary>
    public bool IsIdentical => Difference is null;

    /// <summary>What to bear in mind about the comparison; null: nothing.</summary>
    public string? Note => IsDeterministic ? null
        : "the run was not in deterministic mode (engine.deterministic=false): log-probs are compared within 1e-4, and tokens may differ from the first one on whose noised top-2 gap is under 1e-4";
}

/// <summary>Decoded tokens around a difference. Untrusted.</summary>
/// <param name="Before">What both have before it.</param>
/// <param name="Stored">How the stored rollout goes on.</param>
/// <param name="Replayed">How the replay went on.</param>
public sealed record ReplayText(string Before, string Stored, string Replayed)
{
    private const int TokensBefore = 24;
    private const int TokensAfter = 16;

    /// <summary>Text around a position of two rollouts that are equal before it.</summary>
    public static ReplayText Around(int position, Rollout stored, Rollout replayed, IChatFormat chat)
    {
        var start = Math.Max(0, position - TokensBefore);
        return new ReplayText(chat.Decode(stored.Tokens.AsSpan(start, position - start)), From(stored), From(replayed));

        string From(Rollout rollout) => chat.Decode(rollout.Tokens.AsSpan(position, Math.Min(TokensAfter, rollout.Tokens.Length - position)));
    }
}
