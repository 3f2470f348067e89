using Axpo.Core;

namespace Axpo.Training.Sft;

/// <summary>What is trained on, and how.</summary>
/// <param name="Options">Settings.</param>
/// <param name="Stages">The curriculum, in order, under one learning-rate schedule.</param>
/// <param name="Validation">Draws validation traces; a pure function of the key.</param>
public sealed record SftJob(SftOptions Options, IReadOnlyList<SftStage> Stages, Func<ChanceKey, TeacherTrace> Validation)
{
    /// <summary>Every tool that a question of the traces may offer (<see cref="Question.Tools"/>).</summary>
    public IReadOnlyList<ToolSpec> Tools { get; init; } = [];

    /// <summary>Where the images of questions come from; null: there are none.</summary>
    public IQuestionImages? Images { get; init; }

    /// <summary>How to talk to a model with a chat template of its own; null: the defaults.</summary>
    public ChatOptions? Chat { get; init; }
}
