namespace Axpo.Silo.Runs;

/// <summary>Questions whose chains grow in training (<see cref="CurriculumOptions"/>). Pure, as every source: how long they are follows from the step alone.</summary>
/// <param name="whole">The mixture with every length.</param>
/// <param name="curriculum">How they grow.</param>
internal sealed class GrowingChains(QuestionMix whole, CurriculumOptions curriculum) : IQuestionSource
{
    /// <inheritdoc/>
    public IReadOnlyList<string> Tools => whole.Tools;

    /// <inheritdoc/>
    public IReadOnlyList<Question> Draw(ulong seed, Phase phase, int step, Split split, int count, int spare = 0) =>
        (phase == Phase.Train ? whole.With(suite => At(suite, step)) : whole).Draw(seed, phase, step, split, count, spare);

    /// <summary>Whether the first step asks other chains of a suite than the last one.</summary>
    /// <param name="suite">A suite with the lengths that the run asks.</param>
    /// <param name="curriculum">How chains grow.</param>
    public static bool CanGrow(ITaskSuite suite, CurriculumOptions curriculum) =>
        suite is IHorizonSuite chains && curriculum.Chains(1, chains.HorizonMin, chains.HorizonMax) != (chains.HorizonMin, chains.HorizonMax);

    private ITaskSuite At(ITaskSuite suite, int step)
    {
        if (suite is not IHorizonSuite chains)
        {
            return suite;
        }

        var (shortest, longest) = curriculum.Chains(step, chains.HorizonMin, chains.HorizonMax);
        return chains.WithHorizon(shortest, longest);
    }
}
