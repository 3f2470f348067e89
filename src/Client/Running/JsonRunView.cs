using Axpo.Grains.Abstractions;

namespace Axpo.Client.Running;

/// <summary>One JSON object a metrics row: <c>{"row": ...}</c>.</summary>
internal sealed class JsonRunView(CommandContext context) : IRunView
{
    /// <inheritdoc/>
    public void Show(RunStatus status, IReadOnlyList<MetricsRow> rows)
    {
        foreach (var row in rows)
        {
            context.WriteJsonLine(new { row });
        }
    }
}
