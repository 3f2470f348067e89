namespace Axpo.Silo.Hosting;

/// <summary>Something that keeps a run from starting.</summary>
/// <param name="Field">The field, as it is written in the configuration.</param>
/// <param name="Value">Its value.</param>
/// <param name="Remedy">What is wrong and what would be right.</param>
/// <param name="IsEnvironment">Whether the machine lacks something (exit code 3), rather than the input being wrong (2).</param>
public sealed record Problem(string Field, string Value, string Remedy, bool IsEnvironment = false)
{
    /// <inheritdoc/>
    public override string ToString() => Value.Length == 0 ? $"{Field}: {Remedy}" : $"{Field}: '{Value}': {Remedy}";
}

/// <summary>A run cannot start; nothing was written.</summary>
public sealed class PreflightException(IReadOnlyList<Problem> problems) : Exception(string.Join(Environment.NewLine, problems))
{
    /// <summary>All problems found.</summary>
    public IReadOnlyList<Problem> Problems { get; } = problems;
}
