namespace Axpo.Silo.Runs;

/// <summary>Where the questions of a run come from.</summary>
public interface IQuestionSource
{
    /// <summary>Names of every tool that its questions may offer, in order.</summary>
    IReadOnlyList<string> Tools { get; }

    /// <summary>Draws the questions of a phase and step: a pure function of its arguments. Each question says which tools it offers.</summary>
    /// <param name="seed">Seed of the run.</param>
    /// <param name="phase">Phase: evaluation phases share one draw.</param>
    /// <param name="step">Step, from 1 in training; ignored in evaluation.</param>
    /// <param name="split">Part of the suites.</param>
    /// <param name="count">How many.</param>
    /// <param name="spare">So many more follow, which change nothing of the first ones, nor of any other step's.</param>
    IReadOnlyList<Question> Draw(ulong seed, Phase phase, int step, Split split, int count, int spare = 0);
}
