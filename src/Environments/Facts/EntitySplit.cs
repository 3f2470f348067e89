namespace Axpo.Environments.Facts;

/// <summary>
/// Which split an entity belongs to: a fixed function of its name, so that no entity of a test question ever stands in a training question.
/// 70% train, 10% validation, 20% test.
/// </summary>
public static class EntitySplit
{
    private static readonly ChanceKey Key = ChanceKey.Root(0).With("entity-split");

    /// <summary>The split of an entity.</summary>
    public static Split Of(string entity) => Key.With(entity).Uniform(0, 0) switch
    {
        < .7 => Split.Train,
        < .8 => Split.Validation,
        _ => Split.Test,
    };
}
