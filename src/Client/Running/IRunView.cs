using Axpo.Grains.Abstractions;

namespace Axpo.Client.Running;

/// <summary>Shows a run while it is under way.</summary>
internal interface IRunView
{
    /// <summary>Shows where it stands.</summary>
    /// <param name="status">Status.</param>
    /// <param name="rows">Metrics rows written since the last call.</param>
    void Show(RunStatus status, IReadOnlyList<MetricsRow> rows);
}
