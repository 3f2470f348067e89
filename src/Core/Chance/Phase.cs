namespace Axpo.Core;

/// <summary>Why an episode is run. Part of every key of chance and of every grain key.</summary>
public enum Phase
{
    /// <summary>Rollouts whose outcome trains the policy.</summary>
    Train,

    /// <summary>Held-out evaluation with the paper's sampling (T .7, top-p .8, top-k 20).</summary>
    Eval,

    /// <summary>Held-out evaluation at temperature 1, which shows minority habits that the paper's sampling hides.</summary>
    EvalT1,

    /// <summary>A batch launched from the console (<c>axpo rollout</c>).</summary>
    Rollout,

    /// <summary>Continuations of a fixed prefix.</summary>
    Resample,
}
